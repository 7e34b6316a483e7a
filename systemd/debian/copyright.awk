# copyright.awk - the licences of what the pages hold behind our own. Debian has the text of Apache-2.0 elsewhere.
FNR == 1 && NR > 1 { print "" }
/^[@a-z][^ ]* [0-9][^ ]*, / {
    elsewhere = /, Apache-2\.0/
    print
    if (elsewhere) print "\n/usr/share/common-licenses/Apache-2.0"
    next
}
/^----$/ { elsewhere = 0; print "" }
!elsewhere || /^ *Copyright [0-9]/

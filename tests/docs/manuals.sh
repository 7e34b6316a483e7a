#!/bin/sh
# manuals.sh ROOT BUILD - do the manual pages read cleanly, and do they name every setting, every variable and all
# that there is to describe?
set -eu
build=$2

if ! command -v man >/dev/null || [ ! -e "$build/man/triald.conf.5" ]; then
    echo "skipped: no man, or no scdoc when the pages were made"
    exit 77
fi
failed=0
for page in "$build"/man/*.[1-8]; do
    said=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -l -Tutf8 "$page" 2>&1 >/dev/null)
    if [ -n "$said" ]; then
        echo "$page: $said"
        failed=1
    fi
done
plain() {
    LC_ALL=C.UTF-8 MANWIDTH=80 man -l -Tutf8 "$build/man/$1" | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g'
}
text=$(plain triald.conf.5)
for key in $("$build/triald" --check-config | sed -n 's/^\(# \)\{0,1\}\([a-z_]*\) = .*/\2/p' | sort -u); do
    case $text in
    *"$key = "*) ;;
    *)
        echo "triald.conf(5) does not describe $key"
        failed=1
        ;;
    esac
done
text=$(plain trialctl.1 | sed -n '/^ENVIRONMENT/,/^EXIT STATUS/p')
for name in $("$build/trialctl" --help | tr -c 'A-Z_' '\n' | grep '^TRIALD_' | sort -u); do
    case $text in
    *"$name"*) ;;
    *)
        echo "ENVIRONMENT of trialctl(1) lacks $name"
        failed=1
        ;;
    esac
done
paged=$(sed -n 's/^\*triald\* \*--describe\* //p' "$1/daemon/triald.8.scd" | tr '|' '\n' | sort)
helped=$("$build/triald" --help | tr -s '\n ' '  ' | sed 's/.*print rows: \([a-z, ]*\) --.*/\1/; s/,//g; s/ or / /' |
    tr ' ' '\n' | sort)
if [ "$paged" != "$helped" ]; then
    echo "triald(8) and triald --help name other things to describe:" $paged / $helped
    failed=1
fi
for what in $helped; do
    "$build/triald" --describe "$what" >/dev/null || failed=1
done
exit $failed

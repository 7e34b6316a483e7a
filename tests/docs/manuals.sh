#!/bin/sh
# manuals.sh ROOT BUILD - do the manual pages read cleanly, and do they name every setting?
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
text=$(LC_ALL=C.UTF-8 MANWIDTH=80 man -l -Tutf8 "$build/man/triald.conf.5" | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g')
for key in $("$build/triald" --check-config | sed -n 's/^\(# \)\{0,1\}\([a-z_]*\) = .*/\2/p' | sort -u); do
    case $text in
    *"$key = "*) ;;
    *)
        echo "triald.conf(5) does not describe $key"
        failed=1
        ;;
    esac
done
exit $failed

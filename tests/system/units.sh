#!/bin/sh
# units.sh ROOT BUILD - are the units what systemd understands, without a word, and how exposed do they leave us?
set -eu
root=$1
build=$2
exposure_most=15 # tenths; 1.5 of 10
sockets_and_timer='triald.socket triald-feed.socket triald-backup.timer'

if ! command -v systemd-analyze >/dev/null; then
    echo "skipped: systemd-analyze is not here"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# A program stands where it was built and not where it will be installed, and its pages nowhere
# yet; what is left is the unit itself.
services=
for unit in triald triald-backup trialboard; do
    [ -e "$build/$unit.service" ] || continue # trialboard may be left out of the build
    services="$services $unit.service"
    sed -e "s|^\(Exec[A-Za-z]*=-\{0,1\}\)[^ ]*/\(trial[a-z]*\)|\1$build/\2|" -e '/^Documentation=/d' \
        "$build/$unit.service" >"$scratch/$unit.service"
done
for unit in $sockets_and_timer; do
    sed '/^Documentation=/d' "$root/systemd/$unit" >"$scratch/$unit"
done
# shellcheck disable=SC2086 # a word each
(cd "$scratch" && SYSTEMD_UNIT_PATH="$scratch:" systemd-analyze verify --man=no $services $sockets_and_timer) \
    >"$scratch/said" 2>&1 || echo "status $?" >>"$scratch/said"
if [ -s "$scratch/said" ]; then
    cat "$scratch/said"
    echo "failed: systemd does not understand a unit"
    exit 1
fi
for unit in $services; do
    systemd-analyze security --offline=true --no-pager --threshold="$exposure_most" "$scratch/$unit" \
        >"$scratch/exposure" || {
        cat "$scratch/exposure"
        echo "failed: $unit is more exposed than $exposure_most tenths"
        exit 1
    }
    tail -n 1 "$scratch/exposure"
done

bytes() {
    numfmt --from=iec "$(sed -n "s/^$1=//p" "$scratch/triald.service")"
}
if [ "$(bytes LimitDATA)" -ge "$(bytes MemoryMax)" ]; then
    echo "failed: the kernel kills before memory is refused: LimitDATA= is not below MemoryMax="
    exit 1
fi

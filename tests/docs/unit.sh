#!/bin/sh
# unit.sh ROOT BUILD - are the unit files what systemd understands, and how exposed do they leave us?
set -eu
build=$2
exposure_most=15 # tenths; 1.5 of 10

if ! command -v systemd-analyze >/dev/null; then
    echo "skipped: systemd-analyze is not here"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# A program stands where it was built and not where it will be installed, and its pages nowhere
# yet; what is left is the unit itself.
for unit in triald trialboard; do
    [ -e "$build/$unit.service" ] || continue # trialboard may be left out of the build
    sed -e "s|^\(Exec[A-Za-z]*=\)[^ ]*/$unit|\1$build/$unit|" -e '/^Documentation=/d' \
        "$build/$unit.service" >"$scratch/$unit.service"
    systemd-analyze verify --man=no "$scratch/$unit.service" >"$scratch/said" 2>&1 || true
    if grep -F "$unit.service:" "$scratch/said"; then
        echo "failed: systemd does not understand the unit"
        exit 1
    fi
    systemd-analyze security --offline=true --no-pager --threshold="$exposure_most" \
        "$scratch/$unit.service" >"$scratch/exposure" || {
        cat "$scratch/exposure"
        echo "failed: the unit is more exposed than $exposure_most tenths"
        exit 1
    }
    tail -1 "$scratch/exposure"
done

# Both sockets, with the service that they start.
for socket in triald triald-feed; do
    sed '/^Documentation=/d' "$1/systemd/$socket.socket" >"$scratch/$socket.socket"
done
systemd-analyze verify --man=no "$scratch/triald.socket" "$scratch/triald-feed.socket" "$scratch/triald.service" \
    >"$scratch/said" 2>&1 || true
if grep -F ".socket:" "$scratch/said"; then
    echo "failed: systemd does not understand a socket unit"
    exit 1
fi

bytes() {
    numfmt --from=iec "$(sed -n "s/^$1=//p" "$scratch/triald.service")"
}
if [ "$(bytes LimitDATA)" -ge "$(bytes MemoryMax)" ]; then
    echo "failed: the kernel kills before memory is refused: LimitDATA= is not below MemoryMax="
    exit 1
fi

#!/bin/sh
# install.sh ROOT BUILD - are the packages installed, upgraded, removed and purged as they should be? On a copy of this
# machine that a mount namespace holds in memory, without a running systemd. Skipped with a reason where there is none.
set -eu
root=$1
build=$2

skip() {
    echo "skipped: $*"
    exit 77
}

if [ "${3-}" != inside ]; then
    [ "$(id -u)" = 0 ] || skip "installing takes root"
    [ -e "$build/packages" ] || skip "there are no packages; \`cmake --build $build --target packages\` makes them"
    ! dpkg-query -W triald >/dev/null 2>&1 || skip "triald is installed on this machine"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    unshare --mount --pid --fork --kill-child sh "$0" "$root" "$build" inside "$scratch" 2>"$scratch/said" && exit 0
    status=$?
    cat "$scratch/said"
    ! grep -q '^unshare: ' "$scratch/said" || skip "a mount namespace is refused here"
    exit $status
fi

scratch=$4
# shellcheck source=expect.sh
. "$root/tests/deb/expect.sh"
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/changed" "$scratch/work" "$scratch/root" "$scratch/first" "$scratch/second"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/changed,workdir=$scratch/work" "$scratch/root" 2>/dev/null ||
    skip "overlayfs is refused here"
mount -t proc proc "$scratch/root/proc"
for place in dev run tmp; do
    mount -t tmpfs tmpfs "$scratch/root/$place"
done
rm -f "$scratch/root/var/lib/man-db/auto-update" # nobody searches its manuals
mknod -m 666 "$scratch/root/dev/null" c 1 3
mknod -m 666 "$scratch/root/dev/urandom" c 1 9

inside() {
    DEBIAN_FRONTEND=noninteractive chroot "$scratch/root" "$@" </dev/null
}

# package WORD... - dpkg says nothing where it succeeds, and all where it fails.
package() {
    inside dpkg "$@" >"$scratch/dpkg" 2>&1 || {
        cat "$scratch/dpkg"
        expect "dpkg $1" refused taken
    }
}

enabled() {
    inside systemctl is-enabled "$1" 2>/dev/null || true
}

version() {
    inside dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1" 2>/dev/null || true
}

# The second version differs from the first in its number alone.
names=
for deb in "$build"/packages/*.deb; do
    name=$(dpkg-deb -f "$deb" Package)
    first=$(dpkg-deb -f "$deb" Version)
    names="$names $name"
    cp "$deb" "$scratch/first/$name.deb"
    dpkg-deb -R "$deb" "$scratch/second/$name"
    sed -i "s/$first/$first.1/" "$scratch/second/$name/DEBIAN/control"
    dpkg-deb -Znone -b "$scratch/second/$name" "$scratch/second/$name.deb" >"$scratch/dpkg"
    rm -r "$scratch/second/$name"
done
mkdir "$scratch/root/tmp/debs"
mount --bind "$scratch" "$scratch/root/tmp/debs"
first_debs=''
second_debs=''
for name in $names; do
    first_debs="$first_debs /tmp/debs/first/$name.deb"
    second_debs="$second_debs /tmp/debs/second/$name.deb"
done

# shellcheck disable=SC2086 # a word each
package -i $first_debs
for name in $names; do
    expect "$name is installed" "$(version "$name")" "ii $first"
done
expect "the user is made" "$(inside id -un triald)" triald
expect "the store's place is the user's alone" "$(inside stat -c '%U %a' /var/lib/triald)" "triald 700"
expect "the daemon is enabled" "$(enabled triald.service)" enabled
expect "the gateway is enabled" "$(enabled trialboard.service)" enabled
expect "the sockets are enabled" "$(enabled triald.socket) $(enabled triald-feed.socket)" "enabled enabled"
expect "the backup waits to be enabled" "$(enabled triald-backup.timer)" disabled
expect "the settings are those of the program" \
    "$(inside sh -c 'triald --describe example | cmp - /etc/triald/triald.conf && echo same')" same
expect "the settings are accepted" "$(inside triald --check-config >"$scratch/dpkg" && echo yes)" yes
expect "the manual is found" "$(inside man -w triald)" /usr/share/man/man8/triald.8.gz

cp "$root/tests/data/programme-2016-2020.ndjson" "$scratch/first/history"
chroot "$scratch/root" setpriv --reuid triald --regid triald --clear-groups triald >"$scratch/daemon" 2>&1 &
daemon=$!
expect "what is installed takes a history" "$(inside trialctl --timeout 30s import /tmp/debs/first/history 2>/dev/null |
    sed -n 's/.*"appended": *\([0-9]*\).*/\1/p')" 1866
kill "$daemon"
wait "$daemon" || expect "the daemon ends when told" "$?" 0

echo "# mine" >>"$scratch/root/etc/triald/triald.conf"
inside systemctl disable trialboard.service 2>"$scratch/dpkg"
inside systemctl enable triald-backup.timer 2>"$scratch/dpkg"
# shellcheck disable=SC2086
package -i $second_debs
for name in $names; do
    expect "$name is upgraded" "$(version "$name")" "ii $first.1"
done
expect "an upgrade keeps the settings" "$(tail -n 1 "$scratch/root/etc/triald/triald.conf")" "# mine"
expect "what was enabled stays enabled" "$(enabled triald.service)" enabled
expect "what somebody enabled stays enabled" "$(enabled triald-backup.timer)" enabled
expect "what was disabled stays disabled" "$(enabled trialboard.service)" disabled

# shellcheck disable=SC2086
package -r $names
expect "a removal takes the programs" "$(inside sh -c 'command -v triald trialctl trialboard' || echo none)" none
expect "a removal keeps the settings" "$(tail -n 1 "$scratch/root/etc/triald/triald.conf")" "# mine"
expect "a removal keeps the log" "$("$build/trialctl" verify "$scratch/root/var/lib/triald" --json |
    sed -n 's/.*"size": *\([0-9]*\).*/\1/p')" 1866

mkdir -p "$scratch/root/var/lib/triald-backup/log"
package -P triald
expect "a purge keeps the backups, and says so" \
    "$(grep -c '/var/lib/triald-backup stays' "$scratch/dpkg") $(ls "$scratch/root/var/lib/triald-backup")" "1 log"
expect "a purge says what it takes" "$(grep -c 'removing /var/lib/triald and all that' "$scratch/dpkg")" 1
# shellcheck disable=SC2086
package -P $names
expect "a purge leaves nothing" "$(cd "$scratch/changed" &&
    find . -name '*trial*' ! -type c ! -name triald-backup | tr '\n' ' ')" ""
exit $failed

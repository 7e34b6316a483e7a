#!/bin/sh
# service.sh ROOT BUILD - do the units run daemon and gateway under a real systemd? In a throw-away container: start,
# sockets, watchdog, a refused setting, stop. Skipped with a reason where no container can be made.
set -eu
root=$1
build=$2
name=triald-$$
scratch=
container=
failed=0

skip() {
    echo "skipped: $*"
    exit 77
}

[ "$(id -u)" = 0 ] || skip "a container takes root"
for program in systemd-nspawn nsenter pgrep; do
    command -v $program >/dev/null || skip "there is no $program"
done

# The container gets cgroups of its own, so that two of these can run side by side.
make_groups() {
    for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        if [ -w "$hierarchy/cgroup.procs" ] && mkdir "$hierarchy/$name" 2>/dev/null; then
            echo $$ >"$hierarchy/$name/cgroup.procs" || true
        fi
    done
}

drop_groups() {
    for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        if [ -d "$hierarchy/$name" ]; then
            echo $$ >"$hierarchy/cgroup.procs" || true
            find "$hierarchy/$name" -depth -type d -exec rmdir {} \; 2>/dev/null || true
        fi
    done
}

clean() {
    [ -z "$leader" ] || kill -s RTMIN+4 "$leader" 2>/dev/null || true
    [ -z "$container" ] || wait "$container" || true
    drop_groups
    rm -rf "$scratch"
}

inside() {
    nsenter -t "$leader" -a -- "$@"
}

property() {
    inside systemctl show "${2-triald}" -P "$1"
}

# get PATH - what the gateway answers.
get() {
    inside bash -c "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET $1 HTTP/1.0\r\n\r\n' >&3 && cat <&3" 2>&1
}

# expect WHAT GOT WANTED
expect() {
    if [ "$2" = "$3" ]; then
        echo "ok: $1"
    else
        echo "failed: $1: it is '$2', not '$3'"
        failed=1
    fi
}

leader=
scratch=$(mktemp -d)
trap clean EXIT
mkdir "$scratch/triald.service.d"
sed "s|^\(Exec[A-Za-z]*=\)[^ ]*/triald|\1/run/triald.programs/triald|" "$build/triald.service" >"$scratch/triald.service"
printf '[Service]\nWatchdogSec=2\n' >"$scratch/triald.service.d/test.conf"
# trialboard may be left out of the build.
board=
if [ -x "$build/trialboard" ]; then
    board="--bind-ro=$build/trialboard:/run/triald.programs/trialboard
 --bind-ro=$build/libtrial.so.0:/run/triald.programs/libtrial.so.0
 --bind-ro=$scratch/trialboard.service:/run/systemd/system/trialboard.service"
    sed -e "s|^\(Exec[A-Za-z]*=\)[^ ]*/trialboard|\1/run/triald.programs/trialboard|" \
        -e 's|^\[Service\]|&\nEnvironment=LD_LIBRARY_PATH=/run/triald.programs|' \
        "$build/trialboard.service" >"$scratch/trialboard.service"
fi
make_groups
# shellcheck disable=SC2086 # a word each
timeout -k 5 300 systemd-nspawn --quiet -D / --volatile=yes --register=no --keep-unit --private-network \
    --machine="$name" --console=pipe \
    --bind-ro="$build/triald:/run/triald.programs/triald" \
    --bind-ro="$scratch/triald.service:/run/systemd/system/triald.service" \
    --bind="$scratch/triald.service.d:/run/systemd/system/triald.service.d" \
    --bind-ro="$root/systemd/triald.sysusers:/run/sysusers.d/triald.conf" $board -b </dev/null >"$scratch/boot" 2>&1 &
container=$!
begun=$(date +%s)
until leader=$(pgrep -P "$(pgrep -P "$container" | head -n 1)" 2>/dev/null | head -n 1) && [ -n "$leader" ] &&
    [ -S "/proc/$leader/root/run/systemd/private" ]; do
    if ! kill -0 "$container" 2>/dev/null || [ $(($(date +%s) - begun)) -gt 30 ]; then
        tail -n 3 "$scratch/boot"
        skip "systemd-nspawn is refused here"
    fi
done
inside systemctl is-system-running --wait >/dev/null || true # other units of the host may fail in there

inside systemctl start triald || failed=1
expect "it is active once it said READY" "$(property ActiveState)" active
export TRIALD_ENDPOINT="ipc:///proc/$leader/root/run/triald/triald.sock"
"$build/trialctl" import "$root/tests/data/programme-2016-2020.ndjson" >"$scratch/import" 2>/dev/null || failed=1
expect "it takes a history under its filters" "$(sed -n 's/.*"appended": *\([0-9]*\).*/\1/p' "$scratch/import")" 1866
expect "the store is its own" "$(inside stat -c '%U %a' /var/lib/triald)" "triald 700"
expect "the sockets are the group's" "$(inside stat -c '%G %a' /run/triald)" "triald 750"

inside sh -c "kill -s STOP $(property MainPID)"
begun=$(date +%s)
until [ "$(property NRestarts)" = 1 ] || [ $(($(date +%s) - begun)) -gt 60 ]; do :; done
expect "the watchdog starts a hung daemon again" "$(property NRestarts)" 1
head=$("$build/trialctl" --timeout 30s status --json | sed -n 's/.*"head": *\([0-9]*\).*/\1/p' | head -n 1)
expect "nothing is lost by it" "$head" 1866

if [ -n "$board" ]; then
    inside systemctl start trialboard || failed=1
    expect "the gateway is active once it said READY" "$(property ActiveState trialboard)" active
    begun=$(date +%s)
    until ready=$(get /readyz | tail -n 1) && [ "$ready" = "the daemon answers" ] ||
        [ $(($(date +%s) - begun)) -gt 30 ]; do :; done
    expect "it reaches the daemon as a member of its group" "$ready" "the daemon answers"
    expect "it answers under its filters" "$(get /api/v1/funnel | grep -c '"submitted":107')" 1
    inside systemctl stop trialboard
    expect "it stops when told, too" "$(property ActiveState trialboard) $(property Result trialboard)" \
        "inactive success"
    [ $failed = 0 ] || inside journalctl -u trialboard -n 30 --no-pager -o cat
fi

inside systemctl stop triald
expect "it stops when told" "$(property ActiveState) $(property Result)" "inactive success"
printf '[Service]\nEnvironment=TRIALD_READERS=many\n' >"$scratch/triald.service.d/test.conf"
inside systemctl daemon-reload
inside systemctl start triald 2>/dev/null && failed=1
expect "a bad setting is refused before the daemon starts" \
    "$(inside journalctl -u triald -o cat | grep -c "readers is 'many'" | sed 's/[1-9][0-9]*/said/')" said
[ $failed = 0 ] || inside journalctl -u triald -n 30 --no-pager -o cat
exit $failed

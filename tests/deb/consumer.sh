#!/bin/sh
# consumer.sh ROOT BUILD - is what DESTDIR=... cmake --install leaves of use to others? No file names the place where it
# was built, and a program of somebody else is made with pkg-config and with find_package, and asks the installed daemon.
set -eu
root=$1
build=$2
# shellcheck source=expect.sh
. "$root/tests/deb/expect.sh"
daemon=
scratch=$(mktemp -d)
trap '[ -z "$daemon" ] || kill "$daemon"; rm -rf "$scratch"' EXIT

DESTDIR=$scratch/installed cmake --install "$build" >"$scratch/said" || {
    cat "$scratch/said"
    exit 1
}
prefix=$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$build/CMakeCache.txt")
installed=$scratch/installed$prefix
expect "nothing is installed outside of the prefix" \
    "$(find "$scratch/installed" -type f ! -path "$installed/*" | tr '\n' ' ')" ""
expect "no installed file names the place where it was built" \
    "$({ grep -rlF "$build" "$scratch/installed" || true; grep -rlF "$root/" "$scratch/installed" || true; } |
        tr '\n' ' ')" ""
config=$(find "$installed" -name trial.pc)
libraries=$(dirname "$(dirname "$config")")
export LD_LIBRARY_PATH="$libraries"

# shellcheck disable=SC2046 # words
cc -std=c17 -Wall -Werror -o "$scratch/by-pkg-config" "$root/tests/deb/consumer.c" $(
    PKG_CONFIG_SYSROOT_DIR=$scratch/installed PKG_CONFIG_LIBDIR=$(dirname "$config") pkg-config --cflags --libs trial
)
mkdir "$scratch/project"
cp "$root/tests/deb/consumer.c" "$scratch/project"
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
cat >"$scratch/project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(consumer C)
find_package(trial $version REQUIRED)
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE trial::trial)
END
{ cmake -S "$scratch/project" -B "$scratch/made" -G Ninja -DCMAKE_PREFIX_PATH="$installed" &&
    cmake --build "$scratch/made"; } >"$scratch/said" 2>&1 || {
    cat "$scratch/said"
    exit 1
}

export TRIALD_ENDPOINT="ipc://$scratch/t" TRIALD_FEED="ipc://$scratch/f"
"$installed/bin/triald" --store "$scratch/store" --listen "$TRIALD_ENDPOINT" --feed "$TRIALD_FEED" 2>"$scratch/log" &
daemon=$!
"$installed/bin/trialctl" --timeout 30s import "$root/tests/data/programme-2016-2020.ndjson" >"$scratch/said" 2>&1 ||
    cat "$scratch/said" "$scratch/log"
expect "a program made with pkg-config asks the installed daemon" "$("$scratch/by-pkg-config")" 1866
expect "and so does one made with find_package" "$("$scratch/made/consumer")" 1866
for program in "$scratch/by-pkg-config" "$scratch/made/consumer"; do
    expect "it needs the library by its soname" "$(readelf -d "$program" | grep -c 'NEEDED.*\[libtrial\.so\.0\]')" 1
done
expect "the library exports nothing but its own names" \
    "$(nm -D --defined-only "$libraries/libtrial.so.0" | awk '$3 !~ /^trial_/ { print $3 }' | tr '\n' ' ')" ""
exit $failed

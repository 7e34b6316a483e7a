#!/bin/sh
# lint.sh ROOT BUILD - does lintian find fault with the packages? Neither errors nor warnings are left.
set -eu
build=$2

skip() {
    echo "skipped: $*"
    exit 77
}

command -v lintian >/dev/null || skip "there is no lintian"
[ -e "$build/packages" ] || skip "there are no packages; \`cmake --build $build --target packages\` makes them"
# They are not uploaded to Debian, so no bug waits for them; and CPack writes the calls of ldconfig.
lintian --allow-root --fail-on error,warning --tag-display-limit 0 \
    --suppress-tags initial-upload-closes-no-bugs,maintscript-calls-ldconfig "$build"/packages/*.deb
echo "ok: lintian has nothing to say of $(find "$build/packages" -name '*.deb' | wc -l) packages"

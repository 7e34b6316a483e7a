# expect.sh - read by the scripts beside it: what was seen beside what should be. `failed` is 1 from the first that differs on.
# shellcheck shell=sh disable=SC2034 # whoever reads this looks at it
failed=0

# expect WHAT GOT WANTED
expect() {
    if [ "$2" = "$3" ]; then
        echo "ok: $1"
    else
        echo "failed: $1: it is '$2', not '$3'"
        failed=1
    fi
}

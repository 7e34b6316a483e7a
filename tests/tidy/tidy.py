#!/usr/bin/python3
"""tidy.py ROOT BUILD - the house rules that neither compiler nor CMake can see.

It prints one line a finding, `file:line: what is wrong`, and ends with status 1 if there is any.
"""
import os
import re
import subprocess
import sys

FILE_LINES = 600
FUNCTION_LINES = 70
COLUMNS = 100

# What the top level may hold, beside names that begin with a dot.
TOP = {"daemon", "client", "include", "proto", "systemd", "tests", "CMakeLists.txt", "README.md",
       "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}

# A library stays in its rooms; each pattern of a header has the directories that may include it.
LIBRARIES = [
    (r"lmdb\.h", ("daemon/store/",)),
    (r"zmq\.h", ("daemon/net/", "client/lib/")),
    (r"msgpack(\.h|/.*)", ("proto/",)),
    (r"systemd/.*", ("daemon/host/",)),
    (r"ini\.h", ("daemon/config/",)),
    (r"sys/sdt\.h", ("daemon/probes/",)),
    (r"microhttpd\.h", ("client/board/http",)),
    (r"jansson\.h", ("client/json/",)),
    (r"curses\.h", ("client/",)),
    (r"libsmartcols\.h|libsmartcols/.*", ("client/",)),
]

# What the pure rooms may ask of anything outside themselves: the words, and memory and text that
# come back the same for the same arguments. A clock, a file or a random number is not on the list.
PURE_ROOMS = ("domain", "views")
PURE_SYMBOLS = re.compile(
    r"^(trial_\w+|mem(cpy|cmp|set|move|chr)|str(len|cmp|ncmp|chr|nlen)|qsort|bsearch|snprintf|__snprintf_chk"
    r"|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__assert_fail|(__isoc99_)?strtol+|strtod|isfinite|round|floor)$")


def tracked(root):
    """The files of the project: those git knows, or all where there is no git."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [f for f in listed.stdout.splitlines() if os.path.isfile(os.path.join(root, f))]
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(".") and not f.startswith("build")]
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return found


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def check_top(root, files):
    for name in sorted({f.split("/")[0] for f in files}):
        if not name.startswith(".") and name not in TOP:
            yield f"{name}: the top level holds only what the tour names"


def check_lines(path, lines):
    if len(lines) > FILE_LINES:
        yield f"{path}:{FILE_LINES + 1}: the file has {len(lines)} lines, over {FILE_LINES}"
    is_table = False  # a fence of clang-format holds a table, which is aligned by hand
    for number, line in enumerate(lines, 1):
        if "clang-format o" in line:
            is_table = "clang-format off" in line
        if len(line) > COLUMNS and not is_table:
            yield f"{path}:{number}: the line has {len(line)} columns, over {COLUMNS}"
        if line != line.rstrip():
            yield f"{path}:{number}: blanks end the line"


def check_functions(path, lines):
    """A function begins with a brace in the first column and ends with one."""
    begin = 0
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line == "}" and begin:
            if number - begin - 1 > FUNCTION_LINES:
                yield f"{path}:{begin}: the function has {number - begin - 1} lines, over {FUNCTION_LINES}"
            begin = 0


def check_opening(path, lines):
    name = os.path.basename(path)
    if not lines or not lines[0].startswith(f"/* {name} - "):
        yield f"{path}:1: a file opens with `/* {name} - what it is`"


def check_includes(path, lines):
    for number, line in enumerate(lines, 1):
        header = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not header or path.startswith("tests/"):
            continue
        for pattern, rooms in LIBRARIES:
            if re.fullmatch(pattern, header[1]) and not path.startswith(rooms):
                yield f"{path}:{number}: <{header[1]}> belongs to {' and '.join(rooms)}"
        if ".." in header[1]:
            yield f"{path}:{number}: an include climbs out of its room"


def check_text(path, lines):
    """Nothing is left for later, and nothing speaks of one machine."""
    later = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    machine = re.compile(r"(^|[^\w.$}])/(wo" + r"rk|fa" + r"rm|ro" + r"ot|ho" + r"me/\w)")
    for number, line in enumerate(lines, 1):
        if later.search(line):
            yield f"{path}:{number}: something is left for later"
        if machine.search(line):
            yield f"{path}:{number}: names a path of one machine"


def check_golden(root, files):
    """Every row of the catalogue has its golden bytes, and no golden bytes lack their row."""
    wires = re.findall(r'^EVENT\(\w+,\s*\w+,\s*"([^"]+)"', read(root, "include/trial/events.def"), re.M)
    golden = {os.path.basename(f)[:-4] for f in files if f.startswith("tests/golden/") and f.endswith(".hex")}
    for wire in wires:
        if wire not in golden:
            yield f"include/trial/events.def: {wire} has no tests/golden/{wire}.hex"
    for name in sorted(golden - set(wires)):
        if "." in name and name.split(".")[0] in {w.split(".")[0] for w in wires}:
            yield f"tests/golden/{name}.hex: there is no such row"


def symbols(library, kind):
    """The symbols a library asks for (U) or has."""
    listed = subprocess.run(["nm", library], capture_output=True, text=True, check=True).stdout
    if kind == "U":
        return set(re.findall(r"^\s+[Uw]\s+(\S+)", listed, re.M))
    return set(re.findall(r"^[0-9a-f]+ [TDBRVW] (\S+)", listed, re.M))


def check_pure(build):
    own = set()
    for room in PURE_ROOMS:
        library = os.path.join(build, f"lib{room}.a")
        if not os.path.exists(library):
            yield f"{library}: the library is not there to look at"
            continue
        own |= symbols(library, "T")
        for symbol in sorted(symbols(library, "U") - own):
            if not PURE_SYMBOLS.match(symbol):
                yield f"lib{room}.a: asks for {symbol}, and the room is pure"


def main():
    root, build = sys.argv[1], sys.argv[2]
    files = tracked(root)
    findings = list(check_top(root, files))
    for path in files:
        if path.endswith((".ndjson", ".hex", ".bin", ".png", ".xz")) or path == "LICENSE" or "/corpus/" in path:
            continue
        lines = read(root, path).split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        findings += check_text(path, lines)
        if path.endswith((".c", ".h")):
            findings += check_lines(path, lines)
            findings += check_functions(path, lines)
            findings += check_includes(path, lines)
            findings += check_opening(path, lines)
    findings += check_golden(root, files)
    if "--no-nm" not in sys.argv:
        findings += check_pure(build)
    print("\n".join(findings) if findings else f"{len(files)} files, nothing to say")
    return 1 if findings else 0


sys.exit(main())

#!/usr/bin/python3
"""probes.py ROOT BUILD - does triald carry every probe of probes.def, with as many arguments as its
row has, and none besides? What a tracer sees is read: the notes of the ELF file."""
import pathlib
import re
import shutil
import subprocess
import sys

ROW = re.compile(r"^PROBE(\d)\((\w+),", re.M)
NOTE = re.compile(r"Provider: (\w+)\s+Name: (\w+)\s+Location: [^\n]*\n\s+Arguments:([^\n]*)")


def main():
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    if "TRIALD_HAS_SDT:INTERNAL=1" not in cache or not shutil.which("readelf"):
        print("skipped: built without sys/sdt.h, or there is no readelf")
        return 77
    text = (root / "daemon/probes/probes.def").read_text(encoding="utf-8")
    rows = {name: int(count) for count, name in ROW.findall(text)}
    notes = subprocess.run(["readelf", "-n", build / "triald"], capture_output=True, text=True,
                           check=True).stdout
    found = {}
    for provider, name, arguments in NOTE.findall(notes):
        if provider == "triald":
            found.setdefault(name, set()).add(len(arguments.split()))
    failed = 0
    for name in sorted(rows.keys() | found.keys()):
        wanted = {rows[name]} if name in rows else set()
        if found.get(name, set()) != wanted:
            print(f"{name}: the row has {wanted or 'no'} arguments, triald {found.get(name, 'none')}")
            failed += 1
    print(f"{len(rows)} probes, {failed} failures")
    return 1 if failed or not rows else 0


sys.exit(main())

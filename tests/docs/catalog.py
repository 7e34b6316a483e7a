#!/usr/bin/python3
"""catalog.py ROOT BUILD - has each condition its message in the journal's catalogue, under an id of its
own, and does systemd take the catalogue?"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile


def rows(root):
    """The texts of every row: name, what, advice, over, id."""
    table = (root / "include/trial/conditions.def").read_text(encoding="utf-8")
    for row in re.split(r"^CONDITION\(", table, flags=re.M)[1:]:
        row = re.sub(r'"\s*\n\s*"', "", re.sub(r'",\s*\n\s*"', '","', row))
        yield re.findall(r'"([^"]*)"', row)


def journalctl(catalog, *words):
    """What journalctl says of a machine whose only catalogue is this one."""
    with tempfile.TemporaryDirectory() as machine:
        place = pathlib.Path(machine, "usr/lib/systemd/catalog")
        place.mkdir(parents=True)
        shutil.copy(catalog, place)
        subprocess.run(["journalctl", f"--root={machine}", "--update-catalog"], check=True)
        return subprocess.run(["journalctl", f"--root={machine}", *words], check=True, text=True,
                              stdout=subprocess.PIPE).stdout


def main():
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    catalog = build / "triald.catalog"
    failed, ids = 0, set()
    if shutil.which("journalctl") is None:
        print("skipped: journalctl is not here")
        return 77
    said = journalctl(catalog, "--dump-catalog")
    entries = dict(re.findall(r"^-- ([0-9a-f]{32})\n(.*?)(?=^-- |\Z)", said, re.M | re.S))
    for name, what, advice, over, number in rows(root):
        entry = entries.get(number, "")
        texts = [f"Subject: {what}\n", "Defined-By: triald\n", f"{advice}.\n"]
        texts += [f"{over}.\n"] if over else []
        if not re.fullmatch("[0-9a-f]{32}", number) or number in ids:
            print(f"{name}: '{number}' is no id of its own")
            failed += 1
        if not all(text in entry for text in texts):
            print(f"{name}: what systemd has of it is not its row: {entry!r}")
            failed += 1
        ids.add(number)
    if set(entries) != ids or not ids:
        print(f"the catalogue has others than the rows: {set(entries) ^ ids}")
        failed += 1
    print(f"{len(ids)} messages, {failed} failures")
    return 1 if failed else 0


sys.exit(main())

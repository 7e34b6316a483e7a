#!/usr/bin/python3
"""blocks.py ROOT BUILD [--fix] - are the tables in the documents those of the rows?

A document holds what a program prints between two lines of their own:

    <!-- triald --describe errors -->
    ...
    <!-- end -->

With --fix the block is written anew.
"""
import os
import re
import subprocess
import sys

BLOCK = re.compile(r"^<!-- (triald|trialctl) ([a-z -]+) -->\n(.*?)^<!-- end -->$", re.M | re.S)


def documents(root):
    for folder in ("", "proto", "client", "daemon", "tests"):
        for name in sorted(os.listdir(os.path.join(root, folder))):
            if name.endswith(".md"):
                yield os.path.join(root, folder, name)


def main():
    root, build = sys.argv[1], sys.argv[2]
    seen = stale = 0
    for path in documents(root):
        with open(path, encoding="utf-8") as file:
            text = file.read()

        def fill(block):
            nonlocal seen, stale
            seen += 1
            says = subprocess.run([os.path.join(build, block[1]), *block[2].split()],
                                  capture_output=True, text=True, check=True).stdout
            if says.strip() != block[3].strip():
                stale += 1
                print(f"{path}: the block of `{block[1]} {block[2]}` is not what it prints")
            return f"<!-- {block[1]} {block[2]} -->\n{says}<!-- end -->"

        fresh = BLOCK.sub(fill, text)
        if "--fix" in sys.argv and fresh != text:
            with open(path, "w", encoding="utf-8") as file:
                file.write(fresh)
    print(f"{seen} blocks, {stale} stale")
    return 1 if stale and "--fix" not in sys.argv else 0


sys.exit(main())

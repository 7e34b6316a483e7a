#!/usr/bin/python3
"""Stores and backups of releases, kept in tests/golden: today's programs open, verify and restore
them, and they answer what they answered then.

`test_golden.py --make NAME` makes one of the programs as they are: tests/golden/NAME.tar.xz holds a
store whose daemon was killed (so its journal holds what its tables lack), a backup of it, and the
answers. One of a release is never made again: that a later triald reads it is the point. A store of
a format that was never released may be made anew when the number changes."""
import ctypes
import hashlib
import json
import os
import pathlib
import re
import shutil
import sys
import tarfile
import unittest

import harness
from small_world import World

GOLDEN = harness.TESTS / "golden"
DAY = "2018-01-01"  # for which the views answer: none of it may depend on today
KEPT = ("STORE", "journal/0", "journal/1", "lmdb/data.mdb")
SMALL = ["--request-bytes", "1M", "--turn-bytes", "8M", "--journal-bytes", "16M",
         "--map-bytes", "1G", "--commit-events", "150", "--commit-ms", "60000"]


def store_sum(data):
    """XXH3-64, as the marker of a store ends with."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits_withSeed.restype = ctypes.c_uint64
    got = library.XXH3_64bits_withSeed(data, ctypes.c_size_t(len(data)), ctypes.c_uint64(0))
    return f"{got:016x}"


def backup_sum(data):
    return hashlib.sha256(data).hexdigest()


def renumber(path, original, step, sum_of):
    """The file says another format, under a sum that fits. What shall be said of it."""
    *lines, _ = original.splitlines(keepends=True)
    text = b"".join(lines)
    known = int(re.search(rb"format (\d+)", text)[1])
    text = text.replace(b"format %d" % known, b"format %d" % (known + step), 1)
    path.write_bytes(text + f"sum {sum_of(text)}\n".encode())
    return f"has format {known + step} and this triald knows format {known}"


def fingerprint(directory):
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(pathlib.Path(directory).rglob("*")) if p.is_file()}


def answers(daemon):
    """Everything that is asked: the log, and every view on a day."""
    with daemon.peer() as peer:
        return {"status": {k: peer.call("status")[k] for k in ("log", "head", "root")},
                "log": peer.read_all(),
                "views": {view: peer.query_all(view, as_of=DAY) for view in harness.VIEWS}}


def make(name):
    scratch = harness.Scratch()
    daemon = harness.Daemon(scratch=scratch, arguments=SMALL).start()
    try:
        with daemon.peer() as peer:
            for event in harness.load()[:400]:
                peer.append(event)
            peer.append(World("golden").activities(3, text="æøå"))
        said = answers(daemon)
        daemon.ctl("backup", scratch / "backup")
        with daemon.peer() as peer:  # the backup brought the tables level: some more in the journal
            peer.append(World("tail").activities(20))
            said["store"] = answers(daemon)
            peer.append(World("last").activities(5))
            said["head"] = peer.call("status")["head"]
        daemon.kill()
        pathlib.Path(scratch / "answers.json").write_text(json.dumps(said), encoding="utf-8")
        with tarfile.open(GOLDEN / f"{name}.tar.xz", "w:xz", preset=9) as archive:
            for path in [f"store/{k}" for k in KEPT] + ["answers.json"]:
                archive.add(scratch / path, path)
            for path in sorted(os.listdir(scratch / "backup")):
                archive.add(scratch / f"backup/{path}", f"backup/{path}")
    finally:
        daemon.close()
        scratch.remove()


class Golden(unittest.TestCase):
    maxDiff = 2000

    def unpack(self, path):
        scratch = harness.Scratch()
        self.addCleanup(scratch.remove)
        with tarfile.open(path) as archive:
            archive.extractall(scratch.path)  # our own: it names nothing outside
        for folder in ("store", "store/lmdb", "store/journal", "backup"):
            os.chmod(scratch / folder, 0o700)
        said = json.loads(pathlib.Path(scratch / "answers.json").read_text(encoding="utf-8"))
        return scratch, said

    def check(self, scratch, store, said, head):
        """The store verifies, answers as it did, and takes one event more."""
        found = harness.ctl("verify", scratch / store, "--json").json()
        self.assertEqual((found["bad"], found["log"], found["size"]),
                         (0, said["status"]["log"], head))
        daemon = harness.Daemon(scratch=scratch, store=scratch / store)
        daemon.starts = head
        with daemon, daemon.peer() as peer:
            before = peer.call("verify", size=said["status"]["head"], root=said["status"]["root"])
            self.assertEqual((before["bad"], before["same"]), (0, True))
            self.assertEqual(peer.read_all(known_at=said["status"]["head"]), said["log"])
            for view in harness.VIEWS:
                self.assertEqual(peer.query_all(view, as_of=DAY, known_at=said["status"]["head"]),
                                 said["views"][view], view)
                self.assertEqual(peer.query_all(view, as_of=DAY), said["views"][view], view)
            got = peer.append([said["log"][0]])  # known for ever
            self.assertEqual((got["first"], got["duplicates"]), (1, [True]))
            self.assertEqual(peer.append(World("new").activity())["first"], head + 1)
            self.assertEqual(peer.call("verify")["bad"], 0)

    def test_what_releases_left_is_read(self):
        archives = sorted(GOLDEN.glob("*.tar.xz"))
        self.assertTrue(archives)
        for path in archives:
            with self.subTest(release=path.name):
                scratch, said = self.unpack(path)
                self.check(scratch, "store", said["store"], said["head"])
                found = harness.ctl("verify", scratch / "backup", "--json").json()
                self.assertEqual((found["size"], found["root"]),
                                 (said["status"]["head"], said["status"]["root"]))
                shutil.rmtree(scratch / "store")
                harness.triald("--restore", scratch / "backup", "--store", scratch / "again")
                self.check(scratch, "again", said, said["status"]["head"])

    def test_another_format_is_refused_by_both_numbers_and_left_as_it_was(self):
        scratch, _ = self.unpack(sorted(GOLDEN.glob("*.tar.xz"))[-1])
        store, backup = (pathlib.Path(scratch / p) for p in ("store/STORE", "backup/BACKUP"))
        original = {path: path.read_bytes() for path in (store, backup)}
        for step in (-1, 1):  # an older one, and a later one
            with self.subTest(step=step):
                numbers = renumber(store, original[store], step, store_sum)
                before = fingerprint(scratch / "store")
                with self.assertRaises(harness.StartFailed) as failed:
                    harness.Daemon(scratch=scratch, store=scratch / "store").start()
                self.assertEqual(failed.exception.status, 78)
                self.assertIn(numbers, failed.exception.stderr)
                found = harness.ctl("verify", scratch / "store", "--json", status=8).json()
                self.assertIn(numbers, found["reason"])
                self.assertEqual(fingerprint(scratch / "store"), before)

                numbers = renumber(backup, original[backup], step, backup_sum)
                before = fingerprint(scratch / "backup")
                refused = harness.triald("--restore", scratch / "backup", "--store",
                                         scratch / "new", status=78)
                self.assertIn(numbers, refused.err)
                self.assertFalse(os.path.exists(scratch / "new"))
                self.assertEqual(fingerprint(scratch / "backup"), before)


if __name__ == "__main__":
    if "--make" in sys.argv:
        make(sys.argv[sys.argv.index("--make") + 1])
    else:
        harness.main()

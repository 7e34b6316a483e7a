#!/usr/bin/python3
"""A store that others could write to, or that is not its daemon's, is refused by the name of the file,
and is left as it was. Needs root, who alone can give files away."""
import hashlib
import os
import pathlib
import shutil
import sys
import unittest

import harness

USER, OTHER = 4711, 4712
PARTS = ("", "STORE", "journal", "journal/0", "journal/1", "lmdb", "lmdb/data.mdb",
         "lmdb/lock.mdb")


def give_away(path):
    os.chown(path, OTHER, OTHER)


def let_group_write(path):
    os.chmod(path, os.stat(path).st_mode | 0o020)


def let_all_write(path):
    os.chmod(path, os.stat(path).st_mode | 0o002)


def take_rights(path):
    os.chmod(path, 0)


WAYS = (give_away, let_group_write, let_all_write, take_rights)


def fingerprint(store):
    """All that could be changed: names, owners, modes and contents."""
    found = {}
    for path in [store, *sorted(store.rglob("*"))]:
        facts = path.stat()
        found[str(path)] = (facts.st_uid, facts.st_gid, facts.st_mode,
                            hashlib.sha256(path.read_bytes()).digest() if path.is_file() else None)
    return found


class Owners(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.scratch = harness.Scratch()
        self.addCleanup(self.scratch.remove)
        os.chown(self.scratch.path, USER, USER)
        self.addCleanup(os.umask, os.umask(0))  # the socket for READY is for the user to write to
        self.lend_triald()
        self.model = pathlib.Path(self.scratch / "model")
        self.store = pathlib.Path(self.scratch / "store")
        daemon = self.daemon(self.model).start()
        daemon.import_events(harness.load()[:20])
        daemon.stop()

    def lend_triald(self):
        """A copy of it where the user may run it: a build may lie in root's own directory."""
        built = harness.program("TRIALD", "triald")
        shutil.copy(built, self.scratch / "triald")
        os.environ["TRIALD"] = self.scratch / "triald"
        self.addCleanup(os.environ.__setitem__, "TRIALD", built)

    def daemon(self, store, user=USER):
        wrapper = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
        daemon = harness.Daemon(scratch=self.scratch, store=store, wrapper=wrapper,
                                arguments=["--journal-bytes", "16M", "--turn-bytes", "4M"])
        self.addCleanup(daemon.close)
        return daemon

    def copy(self):
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(self.model, self.store)
        for path in [self.store, *self.store.rglob("*")]:
            os.chown(path, USER, USER)

    def assert_refused(self, daemon, part):
        before = fingerprint(self.store)
        with self.assertRaises(harness.StartFailed) as failed:
            daemon.start()
        self.assertEqual(failed.exception.status, 78, failed.exception.stderr)
        self.assertIn(f"'{str(self.store / part).rstrip('/')}'", failed.exception.stderr)
        self.assertEqual(fingerprint(self.store), before)

    def test_every_part_in_every_way(self):
        count = 0
        for part in PARTS:
            for way in WAYS:
                with self.subTest(part=part, way=way.__name__):
                    self.copy()
                    way(self.store / part)
                    if way is take_rights and part in ("", "journal", "lmdb"):
                        self.assert_refused_behind(part)
                    else:
                        self.assert_refused(self.daemon(self.store), part)
                    count += 1
        print(f"{count} stores were refused by the name of the file, and nothing was changed",
              flush=True)
        self.copy()
        with self.daemon(self.store) as daemon:
            self.assertEqual(daemon.ask("status")["head"], 20)

    def assert_refused_behind(self, part):
        """A directory that may not be entered: what lies in it is named, or itself."""
        before = fingerprint(self.store)
        with self.assertRaises(harness.StartFailed) as failed:
            self.daemon(self.store).start()
        self.assertEqual(failed.exception.status, 78, failed.exception.stderr)
        self.assertIn(str(self.store / part).rstrip("/"), failed.exception.stderr)
        self.assertIn("Permission denied", failed.exception.stderr)
        self.assertEqual(fingerprint(self.store), before)

    def test_root_takes_a_store_that_is_all_of_one_user_and_no_other(self):
        self.copy()
        with self.daemon(self.store, user=0) as daemon:
            self.assertEqual(daemon.ask("status")["head"], 20)
        self.copy()
        give_away(self.store / "journal/1")
        self.assert_refused(self.daemon(self.store, user=0), "journal/1")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: only root can give files away", flush=True)
        sys.exit(77)
    if shutil.which("setpriv") is None:
        print("skipped: there is no setpriv", flush=True)
        sys.exit(77)
    harness.main()

#!/usr/bin/python3
"""Every call to the disk that fails, one after the other, in the real daemon: the nth call of a
kind fails, n = 1, 2, 3 ..., until a life is clean. Whatever fails, nothing acknowledged is lost,
the daemon says why it leaves, and a resend makes one event.

TRIAL_ROUNDS=1 tries every n; without it one of four is tried, from a place that TRIAL_SEED names."""
import errno
import random
import shutil

from faulty import ROUNDS, FaultCase, harness

N_MAX = 500
STEP = 1 if ROUNDS else 4

# (name, what fails, may the daemon outlive it[, its exit status[, the largest n]]). A life here
# begins on a store that exists. What says nothing about the disk is "anything else": 1.
LIVES = [
    ("a write fails", dict(call="write", errno=errno.EIO), False),
    ("a write is torn", dict(call="write", errno=errno.EIO, how="torn"), False),
    ("a write finds no room", dict(call="write", errno=errno.ENOSPC), True),
    ("a write takes half", dict(call="write", how="short"), True),
    ("a write is interrupted", dict(call="write", errno=errno.EINTR), True),
    ("a meta page cannot be written", dict(call="meta", errno=errno.EIO), False),
    ("a meta page is written and yet reported to have failed",
     dict(call="meta", errno=errno.EIO, how="done"), False),
    ("a meta page takes half", dict(call="meta", how="short"), True),
    ("a meta page is interrupted", dict(call="meta", errno=errno.EINTR), True),
    ("a sync fails", dict(call="sync", errno=errno.EIO), False),
    ("a sync takes and yet reports a failure", dict(call="sync", errno=errno.EIO, how="done"),
     False),
    ("a file cannot be opened", dict(call="open", errno=errno.EIO), False),
    ("no more files can be opened", dict(call="open", errno=errno.EMFILE), False, 1),
    ("a file cannot be mapped", dict(call="map", errno=errno.ENOMEM), False, 1),
    ("a read fails", dict(call="read", errno=errno.EIO), False, 74, 30),
]

# A new store each time: what fails while it is made.
MAKINGS = [
    ("a write of the journal", dict(call="write", errno=errno.EIO, match="/journal/0"), 3),
    ("a write of the journal finds no room",
     dict(call="write", errno=errno.ENOSPC, how="torn", match="/journal/1"), 3),
    ("a write of the log", dict(call="write", errno=errno.EIO, match="/data.mdb"), 0),
    ("a write of the log finds no room", dict(call="write", errno=errno.ENOSPC,
                                             match="/data.mdb"), 0),
    ("a write of the lock file", dict(call="write", errno=errno.ENOSPC, match="/lock.mdb"), 0),
    ("a write of the marker", dict(call="write", errno=errno.EIO, match="/STORE"), 0),
    ("a write of the marker takes half", dict(call="write", how="short", match="/STORE"), 0),
    ("a meta page", dict(call="meta", errno=errno.EIO), 0),
    ("a sync of what was written", dict(call="fsync", errno=errno.EIO), 0),
    ("a sync of the log", dict(call="sync", errno=errno.EIO), 0),
    ("a file that is made", dict(call="open", errno=errno.ENOSPC), 0),
    ("a rename", dict(call="rename", errno=errno.EIO), 0),
    ("a rename that was done", dict(call="rename", errno=errno.EIO, how="done"), 0),
    ("a map", dict(call="map", errno=errno.ENOMEM), 0, 1),
]


class Calls(FaultCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(harness.seed())

    def numbers(self, most):
        return range(self.random.randint(1, STEP), (most or N_MAX) + 1, STEP)

    def test_every_call_of_a_life(self):
        self.check()
        total = 0
        for name, *row in LIVES:
            with self.subTest(fault=name):
                reached = self.walk(*row)
                total += reached
                print(f"{name}: {reached} lives", flush=True)
                self.assertGreaterEqual(reached, 1 if STEP == 1 else 0, "the call was never met")
        print(f"{total} lives with a fault", flush=True)

    def walk(self, faults, may_live, status=74, most=0):
        store, tried = self.scratch / "store", 0
        for n in self.numbers(most):
            requests = self.requests()
            life = self.live(self.daemon(nth=n, under=store, **faults), requests)
            was_reached = self.was_reached()
            with self.subTest(n=n):
                if life.status == 0:
                    self.assertTrue(may_live or not life.was_reached_at_work, "it went on")
                else:
                    self.assertTrue(was_reached)
                    self.assert_said_why(life, (status,))
                self.check([life])
            if not was_reached:
                self.assertEqual((life.status, life.refused), (0, []), life.stderr)
                return tried
            tried += 1
        self.assertGreater(most, 0, "the walk does not end")
        return tried

    def test_every_call_of_making_a_store(self):
        for name, *row in MAKINGS:
            with self.subTest(fault=name):
                reached = self.walk_making(*row)
                print(f"{name}: {reached} stores", flush=True)
                self.assertGreaterEqual(reached, 1 if STEP == 1 else 0, "the call was never met")

    def walk_making(self, faults, most, status=74):
        store, tried = self.scratch / "made", 0
        for n in self.numbers(most):
            self.acknowledged, self.events = {}, {}
            shutil.rmtree(store, ignore_errors=True)
            life = self.live(self.daemon(store=store, nth=n, under=store, **faults),
                             self.requests(2))
            if not self.was_reached():
                self.assertEqual((life.status, life.refused), (0, []), life.stderr)
                return tried
            tried += 1
            with self.subTest(n=n):
                if life.status != 0:
                    self.assert_said_why(life, (status,))
                self.check([life], store=store)
        return tried


if __name__ == "__main__":
    harness.main()

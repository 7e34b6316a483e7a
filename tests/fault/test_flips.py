#!/usr/bin/python3
"""Damage at rest: single bits flipped and files cut, in every file of a store, under the real
daemon. What it answers is right or it is an error that says where; it starts or says why not; it
never dies of a signal. And `triald --verify` finds whatever does harm.

TRIAL_ROUNDS is the number of flips, 100 unless told; TRIAL_SEED repeats a run."""
import collections
import os
import random
import struct
import unittest

from faulty import ROUNDS, Gone, Peer, harness
from small_world import World

FLIPS = ROUNDS or 100
CUTS = max(12, FLIPS // 20)
COMMITTED, TAIL = 1800, 66  # events that the tables hold, and those that only the journal does
ARGUMENTS = ("--journal-bytes", "16M", "--turn-bytes", "4M", "--reserve-bytes", "0",
             "--commit-ms", "60000", "--map-bytes", "1G", "--readers", "1")
FILES = ("STORE", "journal/0", "journal/1", "lmdb/data.mdb")
PAGE = 4096


class Store:
    """The store that every flip begins from, kept in memory; reset() puts it back."""

    def __init__(self, path):
        self.path, self.kept = path, {}
        for name in FILES:
            with open(os.path.join(path, name), "rb") as file:
                whole = file.read()
            used = len(whole.rstrip(b"\0")) if name.startswith("journal") else len(whole)
            self.kept[name] = (whole[:used + (1 << 20)], len(whole))
        self.pages = self.heads()

    def heads(self):
        """Pages of LMDB that look used, with the number of bytes of their head and pointers."""
        data, found = self.kept["lmdb/data.mdb"][0], []
        for page in range(len(data) // PAGE):
            lower = struct.unpack_from("<H", data, page * PAGE + 12)[0]
            found.append((page, 160 if page < 2 else min(max(lower, 16), 512)))
        return found

    def reset(self):
        for name, (start, size) in self.kept.items():
            with open(os.path.join(self.path, name), "r+b") as file:
                file.write(start)
                file.truncate(size)

    def flip(self, name, offset, bit):
        with open(os.path.join(self.path, name), "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 1 << bit]))

    def place(self, dice):
        """Where to flip: mostly the tables, there often what leads to the rows."""
        kind = dice.randrange(20)
        if kind == 0:
            name = "STORE"
        elif kind <= 4:
            name = dice.choice(FILES[1:3])
        elif kind <= 11:
            page, head = dice.choice(self.pages)
            return "lmdb/data.mdb", page * PAGE + dice.randrange(head)
        else:
            name = "lmdb/data.mdb"
        start, size = self.kept[name]
        return name, dice.randrange(min(len(start), size))


class Flips(unittest.TestCase):
    maxDiff = 1000

    @classmethod
    def setUpClass(cls):
        cls.scratch = harness.Scratch()
        cls.addClassCleanup(cls.scratch.remove)
        cls.events = harness.load()
        cls.daemon = harness.Daemon(scratch=cls.scratch, arguments=ARGUMENTS)
        cls.addClassCleanup(cls.daemon.close)
        cls.new = World("new").activities(3)
        cls.make()

    @classmethod
    def make(cls):
        cls.daemon.start()
        with Peer(cls.daemon) as peer:
            for start in range(0, COMMITTED, 90):  # rows are written again and again
                peer.append(cls.events[start:start + 90])
                peer.call("read", **{"from": start + 1, "limit": 1})
            for event in cls.events[COMMITTED:]:
                peer.append(event)
        cls.daemon.kill()
        cls.store = Store(cls.daemon.store)
        cls.daemon.start()
        with Peer(cls.daemon) as peer:
            cls.right = list(cls.ask(peer, None))
        cls.daemon.kill()
        cls.store.reset()

    @classmethod
    def ask(cls, peer, errors):
        """Every answer, one after the other; in place of an error None, and the error in
        `errors`."""
        questions = [lambda: [{k: v for k, v in e.items() if k != "ingesttime"}
                              for e in peer.read_all()]]
        questions += [lambda v=v: peer.query_all(v) for v in harness.VIEWS if v != "deadline"]
        questions += [lambda v=v: peer.query_all(v, as_of="2018-02-28")
                      for v in ("funnel", "trial", "deadline")]  # which counts days until today
        questions += [lambda s=s: [e["position"] for e in peer.read_all(subject=s)]
                      for s in ("trial/ff2-018", "network/ff2-akut", "programme/ff2")]
        questions += [lambda i=i: peer.append(cls.events[i:i + 40])
                      for i in range(0, len(cls.events), 400)]
        questions += [lambda: cls.positions(peer.append(cls.new)),
                      lambda: [e["id"] for e in peer.read_all(**{"from": len(cls.events) - 5})]]
        for question in questions:
            try:
                yield question()
            except harness.WireError as error:
                if errors is None:
                    raise
                errors.append(error)
                yield None

    @staticmethod
    def positions(answer):
        return answer["positions"], answer["revisions"]

    def live(self, damage=None):
        """Start on the damaged store, or do the damage then, and ask everything: how that went, in
        a word. What is damaged behind the daemon's back may be missing in an answer."""
        daemon, errors = self.daemon, []
        try:
            daemon.start()
        except harness.StartFailed as failed:
            self.assertIn(failed.status, (74, 78), failed.stderr)
            self.assertRegex(failed.stderr, r"(?m)^triald: \S+.* \S+")
            return "refused"
        if damage is not None:
            damage()
        try:
            with Peer(daemon) as peer:
                for number, got in enumerate(self.ask(peer, errors)):
                    if got is not None and damage is None:
                        self.assertEqual(got, self.right[number], f"answer {number} is wrong")
            daemon.process.terminate()
        except Gone:
            pass
        status = daemon.process.wait(harness.WAIT_S)
        said = daemon.stderr()
        daemon.forget()
        self.assertIn(status, (0, 74), said)
        if status == 74:
            self.assertRegex(said, r"(?m)^triald: \S+.* \S+")
            return "left"
        for error in errors:
            self.assertEqual(error.code, "storage", error)
            self.assertRegex(error.message, r"position \d+|table \d|damaged")
        return "error" if errors else "right"

    def verify(self):
        """Does triald --verify find something?"""
        run = harness.triald("--verify", self.daemon.store, status=None)
        self.assertIn(run.status, (0, 8, 74, 78), run)
        return run.status != 0

    def try_one(self, tally, name, what, damage):
        """One damage: what came of it is counted."""
        with self.subTest(file=name, damage=what):
            try:
                damage()
                found = self.verify()
                how = self.live()
                tally[name, how] += 1
                tally[how] += 1
                tally["found by verify"] += found
                self.assertTrue(found or how == "right", "verify calls it good")
            finally:
                self.forget()

    def test_single_bits_under_a_running_daemon(self):
        """No signal ends it, wherever the tables lead it."""
        dice, tally = random.Random(harness.seed()), collections.Counter()
        for _ in range(FLIPS // 5):
            page, head = dice.choice(self.store.pages[2:])
            offset, bit = page * PAGE + dice.randrange(head), dice.randrange(8)
            with self.subTest(damage=f"bit {bit} of byte {offset}"):
                try:
                    tally[self.live(lambda: self.store.flip("lmdb/data.mdb", offset, bit))] += 1
                finally:
                    self.forget()
        self.assertGreater(tally["right"] + tally["error"] + tally["left"], 0)
        self.report(FLIPS // 5, "flips under a running daemon", tally)

    def forget(self):
        if self.daemon.process is not None:
            self.daemon.process.kill()
            self.daemon.forget()
        self.store.reset()

    def report(self, count, what, tally):
        rows = [f"{n} {how}" for how, n in sorted(tally.items(), key=str) if isinstance(how, str)]
        print(f"{count} {what}: {', '.join(rows)}", flush=True)
        for name in FILES:
            rows = [f"{n} {key[1]}" for key, n in sorted(tally.items(), key=str)
                    if key[0] == name]
            if rows:
                print(f"  {name}: {', '.join(rows)}", flush=True)

    def test_single_bits(self):
        dice, tally = random.Random(harness.seed()), collections.Counter()
        for _ in range(FLIPS):
            (name, offset), bit = self.store.place(dice), dice.randrange(8)
            self.try_one(tally, name, f"bit {bit} of byte {offset}",
                         lambda: self.store.flip(name, offset, bit))
        self.report(FLIPS, "flips", tally)

    def test_cut_files(self):
        dice, tally = random.Random(harness.seed()), collections.Counter()
        for count in range(CUTS):
            name = FILES[count % len(FILES)]
            size = dice.choice((0, dice.randrange(self.store.kept[name][1])))
            self.try_one(tally, name, f"cut to {size} bytes",
                         lambda: os.truncate(os.path.join(self.store.path, name), size))
        self.report(CUTS, "cuts", tally)
        self.assertEqual(tally["right"], 0)


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
"""A disk that fills up under the real daemon, and LMDB's map that does.

What was acknowledged is there, every answer is right, appends are told `no-space` and go on by
themselves when there is room again; a daemon that starts on a full disk is ready or says why it is
not. TRIAL_ROUNDS is the number of times that a disk is filled, 8 unless told; TRIAL_SEED repeats a
run."""
import os
import random
import shutil
import threading
import time
import unittest

from faulty import ROUNDS, Gone, Peer, harness
import full
import oracle
from small_world import World

ROUNDS_A_STORE = 8
REQUESTS_MAX = 4000  # of a round, before the disk must have been found full
BASE = ("--journal-bytes", "16M", "--turn-bytes", "4M", "--commit-events", "200", "--readers", "1")
RESERVE = 6 << 20
HALF = RESERVE // 2
MODES = (("0", "no reserve"), (str(RESERVE), "a reserve"))


class Case(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.scratch = harness.Scratch()
        cls.addClassCleanup(cls.scratch.remove)
        cls.disks = full.disks(cls.scratch)
        for disk in cls.disks.values():
            cls.addClassCleanup(disk.close)

    def setUp(self):
        self.random = random.Random(harness.seed())
        self.daemons = 0

    def daemon(self, store, *arguments):
        self.daemons += 1
        daemon = harness.Daemon(scratch=self.scratch, store=store, arguments=[*BASE, *arguments])
        daemon.starts = 100 * self.daemons
        self.addCleanup(daemon.close)
        return daemon

    def start_on_full(self, disk, daemon):
        """True where it was ready; else it said why not, and is started with room, which is then
        taken again."""
        try:
            daemon.start()
        except harness.StartFailed as failed:
            self.assertEqual(failed.status, 74, failed.stderr)
            self.assertRegex(failed.stderr, r"triald: .*No space left on device")
            disk.release()
            daemon.start()
            disk.fill()
            return False
        return True


class Work:
    """Events for one store, and what became of them."""

    def __init__(self, case):
        self.case = case
        self.ledger = oracle.Ledger()
        self.ledger.made()
        self.world = World("p1")
        self.order = []  # what is in the log for certain, by position

    def append(self, peer, events):
        """True where they were taken, False where there was no room."""
        self.ledger.sent(events)
        try:
            answer = peer.append(events)
        except harness.WireError as error:
            self.case.assertEqual(error.code, "no-space", error)
            self.case.assertRegex(error.message, r"\w+ .*(go on by themselves|start again)")
            self.ledger.refused(events)
            return False
        self.ledger.acknowledged(events, answer["positions"])
        self.case.assertEqual(answer["positions"],
                              list(range(len(self.order) + 1, len(self.order) + len(events) + 1)))
        self.order += events
        return True

    def found(self, peer):
        self.case.assertTrue(self.append(peer, self.world.foundation() +
                                         self.world.trial("running")))
        self.funnel = peer.query_all("funnel")

    def batch(self, count):
        return self.world.activities(count, text="x" * self.case.random.randrange(2000))

    def until_refused(self, peer):
        """Append until there is no room; the number of requests that were taken."""
        for taken in range(REQUESTS_MAX):
            if not self.append(peer, self.batch(self.case.random.randint(1, 40))):
                return taken
            if taken % 16 == 15:
                peer.call("read", **{"from": len(self.order), "limit": 1})
        raise AssertionError(f"{REQUESTS_MAX} requests were taken on a full disk")

    def check_reads(self, peer):
        """Every answer is right for the position it rests on."""
        log = peer.read_all()
        self.case.assertGreaterEqual(len(self.order), len(log))
        self.case.assertEqual([harness.bare(e) for e in log], self.order[:len(log)])
        self.case.assertEqual([e["position"] for e in log], list(range(1, len(log) + 1)))
        self.case.assertEqual(peer.query_all("funnel"), self.funnel)
        return len(log)


class DiskFull(Case):
    def test_filled_again_and_again(self):
        rounds, waits, kinds = ROUNDS or 8, [], list(self.disks)
        print(f"{rounds} rounds on {', '.join(kinds)}", flush=True)
        done, share = 0, -(-rounds // (len(kinds) * len(MODES)))
        for kind in kinds:
            for reserve, words in MODES:
                left = min(share, rounds - done)
                done += left
                with self.subTest(disk=kind, mode=words):
                    mine = self.fill_often(self.disks[kind], reserve, left)
                    print(f"{kind}, {words}: {left} rounds, appends went on "
                          f"{max(mine, default=0):.2f} s after there was room at the latest",
                          flush=True)
                    waits += mine
        print(f"{len(waits)} of {rounds} rounds, nothing lost; appends went on after "
              f"{max(waits):.2f} s at the latest", flush=True)

    def fill_often(self, disk, reserve, rounds):
        waits = []
        while len(waits) < rounds:
            disk.clear()
            daemon = self.daemon(disk.store, "--reserve-bytes", reserve).start()
            work = Work(self)
            with Peer(daemon) as peer:
                work.found(peer)
            for _ in range(min(ROUNDS_A_STORE, rounds - len(waits))):
                waits.append(self.fill_once(disk, daemon, work))
            daemon.stop()
            work.ledger.judge(disk.store)
        return waits

    def fill_once(self, disk, daemon, work):
        """The disk fills while events come; then there is room again. Seconds until appends went
        on."""
        said = len(daemon.stderr())
        is_early = "0" not in daemon.arguments and self.random.randrange(2) == 0
        filler = threading.Thread(target=disk.take, args=(HALF,))
        if not is_early:
            leave = self.random.choice((0, 4096, 200_000))
            filler = threading.Thread(target=disk.fill, args=(leave,))
        daemon.notifications.messages.clear()
        with Peer(daemon) as peer:
            for _ in range(self.random.randrange(20)):
                work.append(peer, work.batch(20))
            filler.start()
            work.until_refused(peer)
            filler.join()
            if is_early:  # the reserve is touched, and there is room on the disk still
                self.assertGreater(disk.free(), 0)
                self.assertIn("in reserve",
                              str(peer.fails("append", events=work.world.activities(1))))
                self.assertNotIn("No space left", daemon.stderr()[said:])
            else:
                disk.fill()
                work.until_refused(peer)
            self.check_refusing(daemon, peer, work)
        if self.random.randrange(3) == 0:
            self.start_again(disk, daemon, work)
        with Peer(daemon) as peer:
            disk.release()
            began, event = time.monotonic(), work.batch(1)
            while not work.append(peer, event):
                pass
            waited = time.monotonic() - began
            self.assertEqual(work.check_reads(peer), len(work.order))
            self.assertFalse(peer.call("status")["stores"]["lmdb"]["refusing"])
        full.wait_for_status(daemon, "position", "appends are refused")
        self.assertIn("there is space again", daemon.stderr())
        return waited

    def check_refusing(self, daemon, peer, work):
        """It says so wherever it is asked; what needs no room is done."""
        full.wait_for_status(daemon, "appends are refused with no-space")
        for said in (daemon.stderr(), daemon.ctl("status").out):
            self.assertIn("appends are refused with no-space, reads go on", said)
            self.assertIn("appends go on by themselves", said)
        self.assertTrue(peer.call("status")["stores"]["lmdb"]["refusing"])
        work.check_reads(peer)
        again = peer.append(work.order[-3:])
        self.assertEqual(again["duplicates"], [True] * 3)
        self.assertEqual(again["last"], len(work.order))
        dry = peer.append(work.batch(1), dry_run=True)
        self.assertEqual(dry["first"], len(work.order) + 1)

    def start_again(self, disk, daemon, work):
        """Killed or stopped on the full disk, while the journal's tail may not be in LMDB."""
        if self.random.randrange(2) == 0:
            daemon.kill()
        else:
            daemon.stop()
        self.start_on_full(disk, daemon)
        with Peer(daemon) as peer:
            work.check_reads(peer)
            work.until_refused(peer)


class NamedSubscription(Case):
    """A consumer goes on while there is no room: what it acknowledges is taken, what must be on
    disk before it is answered is refused, and nothing is lost when the daemon dies of it."""

    def take(self, peer, last):
        """All that is owed up to a position, each acknowledged; the positions."""
        got = []
        while not got or got[-1] < last:
            _, note = peer.note("events")
            got += [event["position"] for event in note["events"]]
            self.assertEqual(peer.call("ack", name="n", position=got[-1]), {"position": got[-1]})
        return got

    def subscribe(self, peer):
        return peer.call("subscribe", name="n", client="c", **{"from": 1})["position"]

    def refused(self, peer):
        for method, params in (("park", {"position": 1, "reason": "x"}), ("replay", {}),
                               ("unsubscribe", {}), ("subscribe", {"name": "another"})):
            error = peer.fails(method, **{"name": "n", **params})
            self.assertEqual(error.code, "no-space", f"{method}: {error}")

    def position(self, peer):
        rows = peer.call("subscriptions")["subscriptions"]
        self.assertEqual([row["name"] for row in rows], ["n"])
        return rows[0]["position"]

    def test_acks_come_while_there_is_no_room(self):
        for kind, disk in self.disks.items():
            with self.subTest(disk=kind):
                self.go_on_without_room(disk)

    def go_on_without_room(self, disk):
        disk.clear()
        work = Work(self)
        daemon = self.daemon(disk.store, "--reserve-bytes", "0").start()
        with Peer(daemon) as peer, Peer(daemon) as consumer:
            work.found(peer)
            self.assertEqual(self.subscribe(consumer), 0)
            disk.fill()
            work.until_refused(peer)
            last = len(work.order)
            self.assertEqual(self.take(consumer, last), list(range(1, last + 1)))
            self.refused(consumer)
            self.assertEqual(self.position(peer), last)
        daemon.kill()
        self.start_on_full(disk, daemon)
        with Peer(daemon) as peer, Peer(daemon) as consumer:
            kept = self.position(peer)
            self.assertLessEqual(kept, last)
            self.assertEqual(self.subscribe(consumer), kept)
            work.until_refused(peer)
            if len(work.order) > kept:  # what was not kept comes again
                self.assertEqual(self.take(consumer, len(work.order)),
                                 list(range(kept + 1, len(work.order) + 1)))
            disk.release()
            events = work.batch(2)
            while not work.append(peer, events):
                pass
            last = len(work.order)
            got = []
            while len(got) < 2:
                _, note = consumer.note("events")
                got += [event["position"] for event in note["events"]]
            self.assertEqual(got, [last - 1, last])
            consumer.call("ack", name="n", position=last - 1)
            self.assertEqual(consumer.call("park", name="n", position=last, reason="x"),
                             {"parked": 1, "position": last})
        daemon.kill()
        daemon.start()
        with Peer(daemon) as peer:
            self.assertEqual(self.position(peer), last)  # a park that was answered is on disk
            self.assertEqual(work.check_reads(peer), last)
        daemon.stop()
        work.ledger.judge(disk.store)


def remove_lock(disk):
    os.unlink(os.path.join(disk.store, "lmdb", "lock.mdb"))


def empty_lock(disk):
    os.truncate(os.path.join(disk.store, "lmdb", "lock.mdb"), 0)


def sparse_lock(disk):
    path = os.path.join(disk.store, "lmdb", "lock.mdb")
    size = os.path.getsize(path)
    os.truncate(path, 0)
    os.truncate(path, size)


def short_lock(disk):
    os.truncate(os.path.join(disk.store, "lmdb", "lock.mdb"), 8192)


# What lies on the disk before it is filled: (name, how the daemon before ended, what is done then).
STARTS = [
    ("after a clean stop", "stop", None),
    ("killed, the journal has a tail", "kill", None),
    ("without lock.mdb", "stop", remove_lock),
    ("without lock.mdb, the journal has a tail", "kill", remove_lock),
    ("with an empty lock.mdb", "stop", empty_lock),
    ("with a sparse lock.mdb", "stop", sparse_lock),
    ("with a sparse lock.mdb, the journal has a tail", "kill", sparse_lock),
    ("with a short lock.mdb", "stop", short_lock),
]
# How much room is left where a store is to be made: none at all, or for a part of it.
MAKINGS = (0, 4096, 65536, 20 << 20, 33 << 20, (33 << 20) + 65536)


class StartOnAFullDisk(Case):
    def pairs(self, rows):
        """Each row with a disk; in a long run with each disk."""
        kinds = list(self.disks)
        if ROUNDS:
            return [(kind, row) for row in rows for kind in kinds]
        return [(kinds[(at + self.random.randrange(2)) % len(kinds)], row)
                for at, row in enumerate(rows)]

    def test_a_store_that_is_there(self):
        tried = ready = 0
        for kind, (name, end, damage) in self.pairs(STARTS):
            with self.subTest(disk=kind, store=name):
                tried += 1
                ready += self.start_full(self.disks[kind], end, damage)
        print(f"{tried} starts on a full disk: {ready} ready, {tried - ready} ended with a "
              "sentence, none by a signal", flush=True)

    def start_full(self, disk, end, damage):
        """True where it was ready."""
        disk.clear()
        work = Work(self)
        daemon = self.daemon(disk.store, "--commit-ms", "60000", "--commit-events", "100000",
                             "--reserve-bytes", "0").start()
        with Peer(daemon) as peer:
            work.found(peer)
            for _ in range(20):
                work.append(peer, work.batch(20))
        getattr(daemon, end)()
        if damage is not None:
            damage(disk)
        disk.fill()
        is_ready = self.start_on_full(disk, daemon)
        with Peer(daemon) as peer:
            work.check_reads(peer)
            work.until_refused(peer)
            disk.release()
            event = work.batch(1)
            while not work.append(peer, event):
                pass
            self.assertEqual(work.check_reads(peer), len(work.order))
        daemon.stop()
        work.ledger.judge(disk.store)
        return is_ready

    def test_a_store_that_is_to_be_made(self):
        made = tried = 0
        for kind, (leave, is_there) in self.pairs([(m, t) for m in MAKINGS
                                                   for t in (False, True)]):
            with self.subTest(disk=kind, leave=leave, is_there=is_there):
                tried += 1
                made += self.make_full(self.disks[kind], leave, is_there)
        print(f"{tried} stores to be made without room: {made} made, {tried - made} ended with a "
              "sentence, none by a signal", flush=True)

    def make_full(self, disk, leave, is_there):
        """True where a store was made all the same."""
        disk.clear()
        if is_there:
            os.mkdir(disk.store, 0o700)
        disk.fill(leave)
        daemon = self.daemon(disk.store, "--reserve-bytes", "0")
        for attempt in range(2):  # the second finds what the first has left
            try:
                daemon.start()
            except harness.StartFailed as failed:
                self.assertEqual(failed.status, 74, failed.stderr)
                self.assertRegex(failed.stderr, r"triald: .*No space left on device")
                self.assertFalse(os.path.exists(os.path.join(disk.store, "STORE")))
            else:
                daemon.stop()
                return True
        disk.release()
        with daemon.start(), Peer(daemon) as peer:
            self.assertEqual(peer.call("status")["head"], 0)
        return False


class MapFull(Case):
    def test_refused_until_the_map_is_larger(self):
        for size in ("1M", "2M", "4M"):
            with self.subTest(map_bytes=size):
                self.fill_map(size)

    def fill_map(self, size):
        store, work = self.scratch / f"map-{size}", Work(self)
        small = self.daemon(store, "--map-bytes", size, "--reserve-bytes", "0").start()
        with Peer(small) as peer:
            work.found(peer)
            work.until_refused(peer)
            self.check_says_what_to_do(small, peer, work)
        small.kill()
        small.start()
        with Peer(small) as peer:  # all is in the journal or the tables, and still no room
            work.check_reads(peer)
            work.until_refused(peer)
            self.check_says_what_to_do(small, peer, work)
        small.stop()
        large = self.daemon(store, "--map-bytes", "64M", "--reserve-bytes", "0").start()
        with Peer(large) as peer:
            self.assertEqual(work.check_reads(peer), len(work.order))
            for _ in range(50):
                self.assertTrue(work.append(peer, work.batch(10)))
            self.assertEqual(work.check_reads(peer), len(work.order))
        large.stop()
        print(f"map of {size}: {len(work.order)} events, "
              f"{work.ledger.judge(store)}", flush=True)
        shutil.rmtree(store)

    def check_says_what_to_do(self, daemon, peer, work):
        error = peer.fails("append", events=work.batch(1))
        self.assertEqual(error.code, "no-space")
        self.assertIn("raise map-bytes and start again", error.message)
        full.wait_for_status(daemon, "the log has filled its map: appends are refused")
        for said in (daemon.stderr(), daemon.ctl("status").out):
            self.assertIn("raise map_bytes in triald.conf(5) and restart the daemon", said)
        work.check_reads(peer)


if __name__ == "__main__":
    harness.main()

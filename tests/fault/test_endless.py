#!/usr/bin/python3
"""A message whose last frame never comes. libzmq gathers all frames of a message before anybody sees
one, and bounds their size but not their number: a peer that goes on pins memory until it leaves or
the daemon may have no more. Where the kernel refuses memory, libzmq cuts the connection off; where it
grants what it has not (MemoryMax= of the unit), the daemon is killed. What was acknowledged is kept.

TRIAL_ROUNDS is how many daemons are flooded, 3 unless told; TRIAL_SEED repeats a run."""
import os
import random
import unittest

from faulty import ROUNDS, Gone, LastWords, Peer, harness
from raw_peer import MORE, RawPeer, frame, message

import msgpack
import oracle
from small_world import World

FLOODS = ROUNDS or 3
LIMIT_BYTES = 256 << 20  # of memory that the daemon may have
SENT_MAX = 2 * LIMIT_BYTES
BODY = bytes(1 << 20)    # so large that what is let go goes back to the system
PINNED = 100             # frames
ARGUMENTS = ("--journal-bytes", "16M", "--turn-bytes", "4M", "--reserve-bytes", "0", "--map-bytes", "1G",
             "--readers", "1")


class Group:
    """A control group of our own that may have LIMIT_BYTES: what MemoryMax= makes."""

    KINDS = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"))

    def __init__(self):
        self.path = None
        for root, limit in self.KINDS:
            path = os.path.join(root, f"triald-test-{os.getpid()}")
            try:
                os.mkdir(path)
                self.path = path
                with open(os.path.join(path, limit), "w", encoding="ascii") as file:
                    file.write(str(LIMIT_BYTES))
                return
            except OSError:
                self.close()

    def close(self):
        if self.path is not None:
            os.rmdir(self.path)
            self.path = None

    def wrapper(self):
        return ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', self.path)


class Endless(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.scratch = harness.Scratch()
        self.addCleanup(self.scratch.remove)
        self.random = random.Random(harness.seed())
        self.ledger, self.world, self.sent = oracle.Ledger(), World("w"), []

    def daemon(self, *wrapper):
        daemon = harness.Daemon(scratch=self.scratch, arguments=ARGUMENTS, wrapper=wrapper)
        self.addCleanup(daemon.close)
        return daemon

    def append(self, peer):
        request = self.world.activities(self.random.randint(1, 5))
        self.ledger.sent(request)
        self.sent.append(request)
        self.ledger.acknowledged(request, peer.append(request)["positions"])

    def flood(self, daemon):
        """Frames of a message without end beside a peer who appends, until the daemon is gone."""
        stranger, sent = RawPeer(daemon.endpoint).handshake(), 0
        size = self.random.choice((60_000, 250_000, len(BODY)))
        try:
            with LastWords(daemon) as peer:
                while sent < SENT_MAX and stranger.send(frame(BODY[:size], MORE) * 8):
                    sent += 8 * size
                    self.append(peer)
        except Gone:
            pass
        stranger.close()
        return sent

    def serves_still(self, daemon):
        """True where the flood cost its sender the connection and nobody anything else."""
        try:
            with Peer(daemon) as peer:
                self.append(peer)
            return True
        except Gone:
            return False

    def test_a_flood_where_memory_is_refused(self):
        survived = self.flood_often(("prlimit", f"--data={LIMIT_BYTES}"), (1, -6, -11))
        self.assertGreater(survived, 0)

    def test_a_flood_where_the_kernel_kills(self):
        group = Group()
        self.addCleanup(group.close)
        if group.path is None:
            self.skipTest("no control group of a test's own can be made here")
        self.assertEqual(self.flood_often(group.wrapper(), (-9,)), 0)

    def flood_often(self, wrapper, statuses):
        """How many daemons cut the flood off and served on; the others ended so."""
        survived, limited = 0, self.daemon(*wrapper)
        for _ in range(FLOODS):
            limited.start()
            self.ledger.made()
            sent = self.flood(limited)
            self.assertLess(sent, SENT_MAX)
            if self.serves_still(limited):
                survived += 1
                limited.kill()
            else:
                status = limited.process.wait(harness.WAIT_S)
                self.assertIn(status, statuses, limited.stderr())
                self.assertNotIn("a mistake of our own", limited.stderr())
                limited.forget()
            self.ledger.judge(self.scratch / "store")
        with self.daemon().start() as daemon, daemon.peer() as peer:
            for request in self.sent[-20:]:
                again = peer.append(request)
                self.ledger.acknowledged(request, again["positions"])
        print(f"{FLOODS} daemons flooded, {survived} cut the flood off and served on: "
              f"{self.ledger.judge(self.scratch / 'store')}", flush=True)
        return survived

    def test_what_is_pinned_is_let_go_with_its_connection(self):
        with self.daemon().start() as daemon, daemon.peer() as peer:
            before_kib = daemon.anonymous_kib()
            stranger = RawPeer(daemon.endpoint).handshake()
            for _ in range(PINNED):
                self.assertTrue(stranger.send(frame(BODY, MORE)))
            pinned_kib = before_kib + PINNED * len(BODY) // 1024
            while daemon.anonymous_kib() < pinned_kib - 4096:  # the last ones are on their way
                self.append(peer)
            stranger.close()
            while daemon.anonymous_kib() > before_kib + 16384:
                self.append(peer)
            honest = RawPeer(daemon.endpoint).handshake()
            honest.send(message(msgpack.packb([0, 1, "status", []])))
            self.assertIsNone(msgpack.unpackb(honest.receive()[0])[2])
            honest.close()
        self.ledger.judge(self.scratch / "store")


if __name__ == "__main__":
    harness.main()

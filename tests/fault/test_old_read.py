#!/usr/bin/python3
"""A snapshot that is read for a minute: a reader's thread is stopped while it reads, the store's clock
goes on, and the condition `old-read` shows in all three places till the thread goes on too."""
import os
import struct

from faulty import FaultCase, harness
import threads
from small_world import World

EVENTS, REQUEST = 6000, 500
WHAT = "one snapshot is being read for long"


class OldRead(FaultCase):
    def setUp(self):
        super().setUp()
        self.clock = self.scratch / "clock"
        self.set(0)

    def set(self, seconds):
        """So much is the store's clock off, and the clock of the day not at all."""
        fd = os.open(self.clock, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(fd, struct.pack("=qq", 0, seconds), 0)
        os.close(fd)

    def readers(self, peer):
        return peer.call("status")["stores"]["lmdb"]["readers"]

    def stop_a_reader(self, daemon, peer, other):
        """(a thread that is stopped with a snapshot in use, what it was asked)."""
        while True:
            asked = peer.send("query", {"view": "funnel", "as_of": "2099-12-31"})
            running = threads.own(daemon.process.pid, "R") if self.readers(other) == 1 else []
            if len(running) == 1:
                threads.stop(running[0])
                if self.readers(other) == 1:
                    return running[0], asked
                threads.go_on(running[0])
            peer.result(asked)

    def assert_in_status(self, daemon, is_there):
        notes = daemon.notifications
        while True:
            told = [m for m in notes.drain() if m.startswith("STATUS=")]
            if told and (WHAT in told[-1]) == is_there:
                return
            notes.messages.clear()
            self.assertTrue(notes.wait_for("STATUS=", daemon.pidfd))

    def test_shows_and_is_over(self):
        world = World()
        daemon = self.daemon(clock=self.clock).start()
        with harness.Peer(daemon.endpoint) as peer, harness.Peer(daemon.endpoint) as other:
            for _ in range(EVENTS // REQUEST):
                peer.append(world.activities(REQUEST))
            peer.call("read", limit=1)
            thread, asked = self.stop_a_reader(daemon, peer, other)
            self.set(59)
            self.assertEqual(other.call("status")["conditions"], [])
            self.set(61)
            found = other.call("status")
            self.assertEqual([c["name"] for c in found["conditions"]], ["old-read"])
            self.assertRegex(found["conditions"][0]["detail"], r"^for 6\d s$")
            self.assertGreaterEqual(found["stores"]["lmdb"]["oldest_ms"], 60000)
            self.assertIn(f"state    {WHAT}", daemon.ctl("status").out)
            self.assert_in_status(daemon, True)
            self.assertEqual(other.append(world.activities(1))["last"], EVENTS + 1)  # nobody waits
            threads.go_on(thread)
            self.assertEqual(peer.result(asked)["position"], EVENTS)
            self.assertEqual(other.call("status")["conditions"], [])
            self.assert_in_status(daemon, False)
            said = daemon.stderr()
            self.assertEqual((said.count(WHAT), said.count("no snapshot is being read for long any more")),
                             (1, 1), said)
        daemon.stop()


if __name__ == "__main__":
    harness.main()

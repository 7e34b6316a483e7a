#!/usr/bin/python3
"""The clock of the day jumps: back an hour, to 1970 and before, ten years ahead, over and over while
events come in. The order is that of the positions, no ingest time is before the one in front of it,
and whatever the daemon does by time goes on and does not run away.

TRIAL_ROUNDS is the number of jumps, 1000 unless told; TRIAL_SEED repeats a run."""
import os
import random
import struct
import time

from faulty import ROUNDS, FaultCase, harness

import oracle
from small_world import World

JUMPS = ROUNDS or 1000
HOUR, YEAR = 3600, 31556952


class Clock(FaultCase):
    # It watches for the next request as long as it may: a loop that must end whatever the clock says.
    arguments = ("--journal-bytes", "16M", "--turn-bytes", "4M", "--reserve-bytes", "0",
                 "--map-bytes", "1G", "--readers", "1", "--spin-us", "10000", "--commit-ms", "50")

    def setUp(self):
        super().setUp()
        self.random = random.Random(harness.seed())
        self.clock = self.scratch / "clock"
        self.store = self.scratch / "store"
        self.set(0)
        self.ledger, self.world = oracle.Ledger(), World()
        self.log = []

    def set(self, seconds):
        """So much is the clock off."""
        fd = os.open(self.clock, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(fd, struct.pack("=q", seconds), 0)
        os.close(fd)

    def served(self):
        daemon = self.daemon(clock=self.clock)
        daemon.environment["WATCHDOG_USEC"] = "400000"
        return daemon.start()

    def append(self, peer):
        event = self.world.activity()
        self.ledger.sent([event])
        answer = peer.append(event)
        self.log.append(event["id"])
        self.assertEqual(answer["last"], len(self.log))
        self.ledger.acknowledged([event], answer["positions"])

    def check_log(self, peer):
        log = peer.read_all()
        self.assertEqual([e["id"] for e in log], self.log)
        self.assertEqual([e["position"] for e in log], list(range(1, len(log) + 1)))
        times = [e["ingesttime"] for e in log]
        self.assertEqual(times, sorted(times))
        return times

    def check_timers(self, daemon, peer, begun):
        """Each waits for what only a timer brings; none comes more often than it should."""
        peer.note("heartbeat")
        notes = daemon.notifications
        notes.messages = [m for m in notes.drain() if m != "WATCHDOG=1"]
        self.assertTrue(notes.wait_for("WATCHDOG=1", daemon.pidfd))
        status = peer.call("status")
        while status["stores"]["lmdb"]["position"] < len(self.log):  # after commit-ms of quiet
            status = peer.call("status")
        self.assertLessEqual(status["uptime"], time.monotonic() - begun + 1)
        self.assertIn("rows", peer.call("query", view="deadline"))

    def test_it_jumps_over_and_over(self):
        now = int(time.time())
        behind = (-HOUR, -now, -now - YEAR, 0, -HOUR)
        ahead = (10 * YEAR, -HOUR, -now, 10 * YEAR, 0)
        begun = time.monotonic()
        daemon = self.served()
        beats = 0
        with daemon.peer() as peer:
            peer.call("subscribe", credit=0)
            for number in range(JUMPS):
                offs = behind if number < JUMPS // 2 else ahead
                off = offs[number % len(offs)] + self.random.randint(-2, 2)
                self.set(off)
                self.append(peer)
                if number % (JUMPS // 10) < 1:
                    self.check_timers(daemon, peer, begun)
                    beats += 1
            beats += sum(1 for method, _ in peer.notes if method == "heartbeat")
            self.assertLessEqual(beats, time.monotonic() - begun + 2, "heartbeats run away")
            times = self.check_log(peer)
            self.assertLess(times[JUMPS // 2 - 1][:4], times[-1][:4])
        daemon.stop()
        self.ledger.judge(self.store)
        print(f"{JUMPS} jumps, {beats} heartbeats", flush=True)

    def test_it_starts_whatever_day_it_is(self):
        now = int(time.time())
        for off in (-now, -now - YEAR, 10 * YEAR, -HOUR, -now + 1, 0):
            with self.subTest(off=off):
                self.set(off)
                begun = time.monotonic()
                daemon = self.served()
                with daemon.peer() as peer:
                    peer.call("subscribe", credit=0)
                    self.append(peer)
                    self.check_timers(daemon, peer, begun)
                    times = self.check_log(peer)
                    if off == -now:
                        self.assertTrue(times[0].startswith("1970-01-01T"), times)
                daemon.kill()
        self.ledger.judge(self.store)


if __name__ == "__main__":
    harness.main()

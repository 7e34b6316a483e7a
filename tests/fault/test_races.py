#!/usr/bin/python3
"""Two daemons that begin at the same time on one store, and on a directory that is not there yet:
one serves, the other leaves with 75 and has touched nothing.

TRIAL_ROUNDS is the number of races, 10 unless told; TRIAL_SEED repeats a run."""
import os
import random
import shutil
import signal

from faulty import ROUNDS, FaultCase, harness

import oracle
from small_world import World

# What changes a file. It is let through, and told.
CHANGES = "write meta sync fsync truncate allocate rename"
# It stands still until both are there, and then becomes triald.
AT_THE_LINE = ["sh", "-c", 'kill -STOP $$; exec "$@"', "sh"]


class Races(FaultCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(harness.seed())
        self.store = self.scratch / "store"
        self.won = [0, 0]

    def racer(self, number, has_own_endpoint):
        told = self.scratch / f"told{number}"
        if os.path.exists(told):
            os.unlink(told)
        daemon = self.daemon(call=CHANGES, nth=1, how="pass", under=self.store)
        daemon.environment["FAULTY_TOLD"] = told
        daemon.starts = 100 * number
        daemon.wrapper = AT_THE_LINE
        if has_own_endpoint:
            daemon.endpoint, daemon.feed = daemon.endpoint + str(number), daemon.feed + str(number)
        daemon.told = told
        daemon.spawn()
        os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED)
        return daemon

    def race(self, ledger, world, has_own_endpoint):
        racers = [self.racer(number, has_own_endpoint) for number in (1, 2)]
        self.random.shuffle(racers)
        for racer in racers:
            racer.process.send_signal(signal.SIGCONT)
        is_ready = [r.notifications.wait_for("READY=1", r.pidfd) for r in racers]
        said = [r.stderr() for r in racers]
        self.assertEqual(sorted(is_ready), [False, True], said)
        winner, loser = racers if is_ready[0] else racers[::-1]
        self.won[is_ready.index(True)] += 1
        self.assertEqual(loser.process.wait(harness.WAIT_S), 75, said)
        self.assertRegex(loser.stderr(), r"^triald: the store '[^']+' is in use by another daemon")
        self.assertNotIn("made", loser.stderr())
        self.assertFalse(os.path.exists(loser.told), "it changed a file of the store")
        loser.forget()
        ledger.made()
        with winner.peer() as peer:
            request = world.activities(3)
            ledger.sent(request)
            ledger.acknowledged(request, peer.append(request)["positions"])
        winner.stop()
        self.assertTrue(os.path.exists(winner.told))

    def test_two_at_once_on_a_store(self):
        ledger, world = oracle.Ledger(), World()
        with self.daemon():
            ledger.made()
        for number in range(ROUNDS or 10):
            with self.subTest(race=number):
                self.race(ledger, world, number % 2 == 1)
        ledger.judge(self.store)
        print(f"{ROUNDS or 10} races, won by the first and the second {self.won}", flush=True)

    def test_two_at_once_where_there_is_none(self):
        for number in range(ROUNDS or 10):
            shutil.rmtree(self.store, ignore_errors=True)
            ledger = oracle.Ledger()
            with self.subTest(race=number):
                self.race(ledger, World(), number % 2 == 1)
                ledger.judge(self.store)
        print(f"{ROUNDS or 10} races, won by the first and the second {self.won}", flush=True)


if __name__ == "__main__":
    harness.main()

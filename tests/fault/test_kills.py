#!/usr/bin/python3
"""The real daemon is killed at each system call of a turn, of a commit, of leaving and of starting:
before the call and after it, the nth of all its threads, n = 1, 2, 3 ..., until a life is clean.
Whatever was cut off, the oracle finds the store sound, and a resend makes each event one.

TRIAL_ROUNDS=1 tries every call; without it one of some, from a place that TRIAL_SEED names.
Ends with status 77, and a reason, where one process may not watch another."""
import collections
import os
import random
import shutil
import subprocess
import sys

from faulty import ROUNDS, FaultCase, Gone, LastWords, harness

import oracle
from small_world import World

N_MAX = 5000
STEP, STEP_OF_START = (1, 1) if ROUNDS else (24, 80)
LIVES_OF_A_STORE = 40  # a log that grows for ever takes ever longer to judge
CLIENTS = 3
STEPPER = os.environ.get("TRIAL_STEPPER", "")


class Client(LastWords):
    """A peer that writes down what it was told."""

    def __init__(self, daemon, ledger):
        super().__init__(daemon)
        self.ledger, self.asked = ledger, {}

    def ask(self, request):
        self.ledger.sent(request)
        self.asked[self.send("append", {"events": request})] = request

    def note_answers(self):
        for msgid in [m for m in self.asked if m in self.replies]:
            request = self.asked.pop(msgid)
            self.ledger.acknowledged(request, self.result(msgid)["positions"])

    def wait_for_answers(self):
        while self.asked:
            self.take(self.receive())
            self.note_answers()


class Kills(FaultCase):
    arguments = (*FaultCase.arguments, "--spin-us", "0")

    def setUp(self):
        super().setUp()
        self.random = random.Random(harness.seed())
        self.store = self.scratch / "store"
        self.calls = collections.Counter()  # what was entered last when the process was killed
        self.begin_store()

    def begin_store(self):
        shutil.rmtree(self.store, ignore_errors=True)
        self.ledger, self.lives = oracle.Ledger(), 0

    def requests(self, count=3):
        """For each client requests of one to three events, about a programme of its own."""
        worlds = []
        for _ in range(CLIENTS):
            self.worlds += 1
            events = World(f"p{self.worlds}").foundation()
            worlds.append([events[0:1], events[1:4], events[4:6]][:count])
        return worlds

    def traced(self, when, n, arm):
        daemon = self.daemon()
        daemon.wrapper = [STEPPER, when, str(n), arm, self.told]
        for path in (self.told, self.arm):
            if os.path.exists(path):
                os.unlink(path)
        return daemon

    # The lives that are cut off.

    def live(self, daemon, requests):
        """Serve all clients at once; the second time somebody reads, so that the tables are brought
    level; then leave."""
        clients = [Client(daemon, self.ledger) for _ in requests]
        reader = LastWords(daemon)
        try:
            reader.call("subscribe")
            open(self.arm, "wb").close()
            for number in range(len(requests[0])):
                for client, row in zip(clients, requests):
                    client.ask(row[number])
                if number == 1:
                    reader.call("read", limit=3)
                for client in clients:
                    client.wait_for_answers()
            daemon.process.terminate()
        except Gone:
            pass
        for client in clients:
            client.read_to_the_end()
            client.note_answers()
            client.close()
        reader.close()

    def serve_and_leave(self, when, n):
        requests = self.requests()
        daemon = self.traced(when, n, self.arm).start()
        self.ledger.made()
        self.live(daemon, requests)
        return requests, daemon

    def start(self, when, n):
        """A start that finds turns in the journal which the tables do not hold."""
        requests = self.requests(2)
        with self.daemon() as daemon:
            self.ledger.made()
            clients = [Client(daemon, self.ledger) for _ in requests]
            for client, row in zip(clients, requests):
                for request in row:
                    client.ask(request)
                client.wait_for_answers()
                client.close()
            daemon.kill()
        daemon = self.traced(when, n, "-").spawn()
        if daemon.notifications.wait_for("READY=1", daemon.pidfd):
            daemon.process.terminate()
        return requests, daemon

    # What must be so afterwards.

    def resend(self, requests):
        """Each request is there as a whole or not at all; sent again, each event is one."""
        with self.daemon() as daemon, daemon.peer() as peer:
            for row in requests:
                for request in row:
                    first, again = peer.append(request), peer.append(request)
                    self.assertEqual(len(set(first["duplicates"])), 1, "there in part")
                    self.assertEqual(again["duplicates"], [True] * len(request))
                    self.assertEqual(again["positions"], first["positions"])
                    self.ledger.acknowledged(request, first["positions"])

    def judge(self, requests):
        """By turns the oracle or the next daemon is the first to see what was left."""
        if self.lives % 2 == 0:
            self.ledger.judge(self.store)
            self.resend(requests)
        else:
            self.resend(requests)
            self.ledger.judge(self.store)

    def walk(self, life, step):
        kills = 0
        for when in ("before", "after"):
            for n in range(self.random.randint(1, step), N_MAX, step):
                if self.lives == LIVES_OF_A_STORE:
                    self.begin_store()
                requests, daemon = life(when, n)
                status = daemon.process.wait(harness.WAIT_S)
                daemon.forget()
                is_hit = os.path.exists(self.told)
                with self.subTest(when=when, n=n):
                    self.assertEqual(status, -9 if is_hit else 0, daemon.stderr())
                    self.judge(requests)
                self.lives += 1
                if not is_hit:
                    break
                kills += 1
                self.note_call()
            else:
                self.fail("the walk does not end")
        return kills

    def note_call(self):
        with open(self.told, encoding="ascii") as told:
            self.calls[int(told.read().split()[1])] += 1

    def test_killed_at_every_call_of_turns_and_commits_and_of_leaving(self):
        kills = self.walk(self.serve_and_leave, STEP)
        print(f"{kills} kills at work, at {len(self.calls)} kinds of calls", flush=True)
        self.assertGreater(kills, 0)

    def test_killed_at_every_call_of_a_start_that_takes_in_a_journal(self):
        kills = self.walk(self.start, STEP_OF_START)
        print(f"{kills} kills at a start, at {len(self.calls)} kinds of calls", flush=True)
        self.assertGreater(kills, 0)


def may_watch():
    """Whether one process may watch another here."""
    said = subprocess.run([STEPPER, "before", "0", "-", "-", "true"], check=False,
                          capture_output=True, text=True)
    return said.returncode == 0


if __name__ == "__main__":
    if not may_watch():
        print("skipped: one process may not watch another")
        sys.exit(77)
    harness.main()

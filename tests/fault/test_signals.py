#!/usr/bin/python3
"""Told to leave in the midst of many appends, at a random moment, once or twice, by one signal or
another; or told to read its settings again. It leaves with 0, and nothing acknowledged is lost.

TRIAL_ROUNDS is the number of rounds, 40 unless told; TRIAL_SEED repeats a run."""
import random
import signal

from faulty import ROUNDS, FaultCase, LastWords, harness

import oracle
from small_world import World

CLIENTS, REQUESTS = 3, 40
ROUNDS_OF_A_STORE = 10
MOMENTS = 150000  # turns of an empty loop: some milliseconds
KINDS = (("TERM",), ("INT",), ("TERM", "TERM"), ("HUP",), ("HUP", "TERM"), ("TERM", "HUP", "INT"))


class Signals(FaultCase):
    arguments = ("--journal-bytes", "16M", "--turn-bytes", "4M", "--reserve-bytes", "0",
                 "--map-bytes", "1G")

    def setUp(self):
        super().setUp()
        self.random = random.Random(harness.seed())

    def pass_a_moment(self):
        for _ in range(self.random.randrange(MOMENTS)):
            pass

    def begin_store(self, number):
        self.store = self.scratch / f"store{number}"
        self.ledger, self.unsure = oracle.Ledger(), []
        self.clients = [World(f"c{number}-{i}") for i in range(CLIENTS)]

    def append(self, peer, request):
        self.ledger.sent(request)
        return peer.send("append", {"events": request})

    def note_answers(self, peer, asked):
        for msgid, request in asked.items():
            if msgid in peer.replies:
                self.ledger.acknowledged(request, peer.result(msgid)["positions"])
            else:
                self.unsure.append(request)

    def resend(self, daemon):
        """What was on its way when the last daemon left: each event is one."""
        with daemon.peer() as peer:
            for request in self.unsure:
                msgid = self.append(peer, request)
                self.ledger.acknowledged(request, peer.result(msgid)["positions"])
        self.unsure = []

    def round(self, kind):
        daemon = self.daemon(store=self.store).start()
        self.ledger.made()
        self.resend(daemon)
        peers = [LastWords(daemon) for _ in range(CLIENTS)]
        asked = [{} for _ in range(CLIENTS)]
        for _ in range(REQUESTS):
            for peer, world, sent in zip(peers, self.clients, asked):
                request = world.activities(self.random.randint(1, 3))
                sent[self.append(peer, request)] = request
        for name in kind:
            self.pass_a_moment()
            daemon.process.send_signal(getattr(signal, f"SIG{name}"))
        if kind == ("HUP",):  # it goes on: all of it is answered
            for peer, sent in zip(peers, asked):
                while set(sent) - set(peer.replies):
                    peer.take(peer.receive())
            daemon.process.terminate()
        for peer, sent in zip(peers, asked):
            peer.read_to_the_end()
            self.note_answers(peer, sent)
            peer.close()
        self.assertEqual(daemon.process.wait(harness.STOP_S), 0, daemon.stderr())
        said = daemon.stderr()
        self.assertNotIn("mistake", said)
        if kind == ("HUP",):
            self.assertIn("settings are read at start only", said)
        daemon.forget()

    def test_told_to_leave_at_random_moments(self):
        unsure = 0
        for number in range(ROUNDS or 40):
            if number % ROUNDS_OF_A_STORE == 0:
                self.begin_store(number)
            kind = KINDS[number % len(KINDS)]
            with self.subTest(round=number, kind=kind):
                self.round(kind)
            unsure += len(self.unsure)
            if (number + 1) % ROUNDS_OF_A_STORE == 0:
                self.ledger.judge(self.store)
        self.ledger.judge(self.store)
        print(f"{ROUNDS or 40} rounds, {unsure} requests were not answered", flush=True)


if __name__ == "__main__":
    harness.main()

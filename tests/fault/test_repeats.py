#!/usr/bin/python3
"""What a network may do to requests: send them again, and in another order. A request that comes
three times makes one event with one answer; one that comes out of turn is a conflict and changes
nothing.

TRIAL_ROUNDS is the number of requests that are sent three times, 7,000 unless told; half as many
come out of turn."""
import random
import time

import msgpack
import zmq

from faulty import ROUNDS, harness
from small_world import PRESS

REQUESTS = ROUNDS or 7000
TIMES = 3
CONNECTIONS = 4
WINDOW = 400       # requests in flight on a connection
SUBJECTS = 100     # of those that come out of turn
OUT_OF_TURN = 256  # sent before the first of them is answered


def event(number):
    """The nth event of a history that no rule forbids, whatever the order. It is the same each
    time it is made."""
    data = {"activity": "noted", "number": number, "text": "æ" * (number % 40)}
    if number % 5 == 0:
        data["list"] = [number, -number, 1.5, None, {"b": True, "a": "x"}]
    return {"id": f"e{number}", "source": PRESS, "type": "activity.completed", "subject": f"case/c{number % 997}",
            "time": f"2020-01-{1 + number % 28:02}T08:00:00Z", "data": data}


def numbers_of(request):
    """The events of a request: one to four of them, and the last one is the next request's first
    where both are large."""
    first = request * 3
    return range(first, first + 1 + request % 4)


class Line:
    """One connection with requests in flight. Answers of appends come in the order of sending."""

    def __init__(self, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger, self.socket.sndhwm, self.socket.rcvhwm = 0, 0, 0
        self.socket.rcvtimeo = harness.WAIT_S * 1000
        self.socket.connect(endpoint)
        self.flying, self.taken = [], 0

    def send(self, params, of):
        self.socket.send(msgpack.packb([0, len(self.flying), "append", [params]]))
        self.flying.append(of)

    def take(self):
        """The next answer: (of what, error, result)."""
        said = msgpack.unpackb(self.socket.recv())
        assert said[:2] == [1, self.taken], (said, self.taken)
        self.taken += 1
        return self.flying[self.taken - 1], said[2], said[3]

    def waiting(self):
        return len(self.flying) - self.taken


class RepeatCase(harness.DaemonCase):
    arguments = ("--reserve-bytes", "0")

    def setUp(self):
        super().setUp()
        self.dice = random.Random(harness.seed())
        self.lines = [Line(self.daemon.endpoint) for _ in range(CONNECTIONS)]
        self.addCleanup(lambda: [line.socket.close() for line in self.lines])

    def check_sound(self, count):
        verified = self.peer.call("verify")
        self.assertEqual((verified["size"], verified["bad"]), (count, 0))


class Repeated(RepeatCase):
    def test_everything_three_times_in_any_order(self):
        begun, positions, firsts = time.monotonic(), {}, {}
        order = [r for r in range(REQUESTS) for _ in range(TIMES)]
        self.dice.shuffle(order)
        while order or any(line.waiting() for line in self.lines):
            for line in self.lines:
                while order and line.waiting() < WINDOW:
                    request = order.pop()
                    line.send({"events": [event(n) for n in numbers_of(request)]}, request)
                for _ in range(min(WINDOW // 2, line.waiting())):
                    self.check_answer(*line.take(), positions, firsts)
        count = len(positions)
        self.assertEqual(sorted(positions.values()), list(range(1, count + 1)))
        self.assertEqual(set(firsts), set(positions), "an event was a duplicate each time")
        if not ROUNDS:
            self.check_log(positions)
        self.check_sound(count)
        print(f"{REQUESTS * TIMES:,} requests, {REQUESTS:,} of them different, with {count:,} events, in "
              f"{time.monotonic() - begun:.0f} s: none twice", flush=True)

    def check_answer(self, request, error, result, positions, firsts):
        self.assertIsNone(error)
        numbers = numbers_of(request)
        self.assertEqual(len(result["positions"]), len(numbers))
        for n, position, is_duplicate in zip(numbers, result["positions"], result["duplicates"]):
            self.assertEqual(positions.setdefault(n, position), position)
            if not is_duplicate:
                self.assertNotIn(n, firsts, "an event was new twice")
                firsts[n] = position

    def check_log(self, positions):
        log = self.peer.read_all()
        self.assertEqual({e["position"]: harness.bare(e) for e in log},
                         {p: event(n) for n, p in positions.items()})
        self.assertEqual(len(log), len(positions))


class Shuffled(RepeatCase):
    """Each subject's events expect the one before; the network shuffles them."""

    def test_what_comes_out_of_turn_is_a_conflict_and_changes_nothing(self):
        begun, sent, conflicts = time.monotonic(), 0, 0
        each = max(REQUESTS // 2 // SUBJECTS, 2)
        revisions = [0] * SUBJECTS
        pending = [(s, r) for r in range(each) for s in range(SUBJECTS)]
        while pending:
            batch, pending = pending[:OUT_OF_TURN], pending[OUT_OF_TURN:]
            self.dice.shuffle(batch)
            for at, (subject, revision) in enumerate(batch):
                self.send(self.lines[at % CONNECTIONS], subject, revision)
            again = []
            for line in self.lines:
                while line.waiting():
                    of, error, result = line.take()
                    self.check_answer(of, error, result, revisions, again)
            sent, conflicts = sent + len(batch), conflicts + len(again)
            pending = sorted(again, key=lambda p: p[1]) + pending
        self.assertGreater(conflicts, len(revisions), "nothing came out of turn")
        self.assertEqual(revisions, [each] * SUBJECTS)
        self.check_sound(each * SUBJECTS)
        for subject in range(SUBJECTS):
            said = self.peer.read_all(subject=f"case/s{subject}")
            self.assertEqual([(e["revision"], e["data"]["number"]) for e in said],
                             [(r + 1, r) for r in range(each)], "an inversion")
        print(f"{sent:,} requests of {each * SUBJECTS:,} events in {time.monotonic() - begun:.0f} s: {conflicts:,} came "
              f"out of turn, 0 inversions", flush=True)

    def send(self, line, subject, revision):
        name = f"case/s{subject}"
        made = {"id": f"s{subject}-{revision}", "source": PRESS, "type": "activity.completed", "subject": name,
                "time": "2020-01-01T00:00:00Z", "data": {"activity": "noted", "number": revision}}
        line.send({"events": [made], "expect": {name: revision}}, (subject, revision))

    def check_answer(self, of, error, result, revisions, again):
        """Answers of one connection come in order; those of several do not, so a revision told may
        be older than one that was told before."""
        subject, revision = of
        if error is None:
            self.assertEqual(result["revisions"], [revision + 1])
            revisions[subject] = max(revisions[subject], revision + 1)
        else:
            self.assertEqual(error["code"], "conflict")
            self.assertLess(error["detail"]["revision"], revision)
            again.append(of)


if __name__ == "__main__":
    harness.main()

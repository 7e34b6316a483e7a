#!/usr/bin/python3
"""What strangers may send: messages that are none, in any number of parts, with bytes changed by
chance, connections that break off anywhere, and peers that call themselves by another's name. The
daemon lives, each request gets exactly one answer, honest clients are served, and nothing of it
reaches the log.

TRIAL_ROUNDS is the number of inputs, 40,000 unless told."""
import random
import struct
import time

import msgpack

from faulty import ROUNDS, harness
from raw_peer import GREETING, MORE, RawPeer, frame, message, ready
from small_world import World

INPUTS = ROUNDS or 40000
BATCH = 250         # inputs of a connection at a time
BROKEN = 25         # of them on the bytes of a connection, each on one of its own
IMPOSTORS = max(50, INPUTS // 1000)
FENCE = 1 << 31     # msgids from here on are the test's own


def requests(world):
    """Requests that are right and change nothing: what is legal in them is dry or refused."""
    late = world.about_trial("trial.started", 9, "2020-01-01T00:00:00Z", "/dk/netvaerk/net",
                             startedOn="2020-01-01", participants=["0101"])
    deep, pack = [], msgpack.packb
    for _ in range(14):
        deep = [deep]
    return [pack([0, n, method, [params]]) for n, (method, params) in enumerate([
        ("hello", {"client": "stranger", "protocol": 1}),
        ("status", {}),
        ("append", {"events": [late]}),
        ("append", {"events": [late, late], "expect": {"trial/w1-009": 3}}),
        ("append", {"events": [late] * 20}),
        ("append", {"events": []}),
        ("append", {"events": [late | {"data": {"deep": deep}}]}),
        ("read", {"from": 1, "limit": 2}),
        ("read", {"subject": "case/honest-c1", "types": ["activity."], "limit": 1}),
        ("read", {"backwards": True, "limit": 1, "known_at": "2020-01-01"}),
        ("query", {"view": "trial", "where": {"missing": "charter"}, "limit": 3}),
        ("query", {"view": "funnel", "as_of": "2019-01-01"}),
        ("query", {"view": "surprise"}),
        ("records", {"from": 1, "limit": 1}),
        ("subscribe", {"from": 1, "credit": 1, "types": ["trial."]}),
        ("surprise", {"a": [1, 2.5, None, True, "text", b"bytes"]}),
    ])] + [pack([2, "credit", [{"subscription": 1, "add": 1}]]),
           pack([2, "unsubscribe", [{"subscription": 1}]]),
           pack([1, 5, None, {}])]


class Mutator:
    """Frames with bytes changed, by a seed."""

    EDGES = (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\x7f\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
             b"\xdc\xff\xff", b"\x91", b"\x80", b"\xc0", b"\xc1", b"\xd9\xff", b"\xcf" + b"\xff" * 8,
             b"\xcb\x7f\xf8" + bytes(6), b"\xc7\xff\x01", b"\x00", b"\xff", b"\xa1\xff")

    def __init__(self, dice, seeds):
        self.dice, self.seeds = dice, seeds

    def change(self, data):
        """One change: a bit, a byte, an edge, a cut, a repeat, a piece of another."""
        dice = self.dice
        at, kind = dice.randrange(len(data) + 1), dice.randrange(7)
        if kind == 0 and at < len(data):
            return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1:]
        if kind == 1 and at < len(data):
            return data[:at] + bytes([dice.randrange(256)]) + data[at + 1:]
        if kind == 2:
            return data[:at] + dice.choice(self.EDGES) + data[at + dice.randrange(3):]
        if kind == 3:
            return data[:at]
        if kind == 4:
            return data[:at] + data[at // 2:]
        if kind == 5:
            other = dice.choice(self.seeds)
            return data[:at] + other[dice.randrange(len(other)):]
        return data[:at] + data[at + 1 + dice.randrange(8):]

    def frame(self):
        data = self.dice.choice(self.seeds)
        for _ in range(self.dice.choice((0, 1, 1, 1, 2, 3))):
            data = self.change(data)
        return data

    def parts(self):
        """The frames of a message, mostly one."""
        chance = self.dice.randrange(20)
        if chance < 14:
            return [self.frame()]
        if chance < 17:
            return [b"", self.frame()]  # as a REQ sends it
        return [self.dice.choice((b"", self.frame())) for _ in range(1 + self.dice.randrange(20))]


def may_be_silent(parts):
    """Is this a notification, which gets no answer?"""
    if len(parts) > 2 or (len(parts) == 2 and parts[0]):
        return False
    try:
        value = msgpack.unpackb(parts[-1], raw=True, strict_map_key=False,
                                object_pairs_hook=len)
    except (ValueError, msgpack.UnpackException):
        return False
    return isinstance(value, list) and len(value) == 3 and value[0] == 2


class Malformed(harness.DaemonCase):
    def setUp(self):
        super().setUp()
        self.world, self.honest = World("honest"), 0
        self.dice = random.Random(harness.seed())
        self.mutator = Mutator(self.dice, requests(World()))
        self.answers = {}  # code -> how many

    def serve_honest(self):
        self.honest += 1
        self.assertEqual(self.peer.append(self.world.activity())["positions"], [self.honest])

    def take(self, stranger, wanted):
        """Answers of a stranger: so many, and the one of a fence behind which there is no more."""
        got, has_fence = 0, False
        while got < wanted or not has_fence:
            parts = stranger.receive()
            self.assertIsNotNone(parts, "a message that is not too large cost its connection")
            self.assertTrue(len(parts) == 1 or (len(parts) == 2 and not parts[0]), parts)
            said = msgpack.unpackb(parts[-1], strict_map_key=False)
            if said[0] == 2:
                continue  # of a subscription that was opened by chance
            self.assertEqual((said[0], len(said)), (1, 4))
            if said[1] >= FENCE and said[2] is None:
                has_fence = True
                continue
            got += 1
            code = said[2]["code"] if said[2] else "answered"
            self.answers[code] = self.answers.get(code, 0) + 1
        self.assertLessEqual(got, wanted, "a message was answered twice")

    def check_batch(self, stranger, number):
        """A batch on one connection: as many answers as messages. What may be a notification goes
        over another, where nobody counts."""
        batch = [self.mutator.parts() for _ in range(BATCH)]
        silent = [parts for parts in batch if may_be_silent(parts)]
        fence = message(msgpack.packb([0, FENCE + number, "status", []]))
        stranger.send(b"".join(message(*p) for p in batch if p not in silent) + fence)
        self.take(stranger, BATCH - len(silent))
        stranger.send(fence)
        self.take(stranger, 0)
        with_silent = RawPeer(self.daemon.endpoint)
        with_silent.send(GREETING + ready() + b"".join(message(*parts) for parts in silent))
        with_silent.close()

    def break_connection(self):
        """A connection whose bytes are changed anywhere, greeting and all, and that breaks off."""
        data = GREETING + ready() + b"".join(message(*self.mutator.parts()) for _ in range(3))
        whole = len(data) if self.dice.randrange(2) else self.dice.randrange(len(data))
        for _ in range(self.dice.randrange(3)):
            data = self.mutator.change(data)
        stranger = RawPeer(self.daemon.endpoint)
        stranger.send(data[:whole])
        stranger.close()

    def test_whatever_comes(self):
        begun, stranger = time.monotonic(), RawPeer(self.daemon.endpoint).handshake()
        for number in range(-(-INPUTS // (BATCH + BROKEN))):
            if number % 20 == 19:
                stranger.close()
                stranger = RawPeer(self.daemon.endpoint).handshake()
            self.check_batch(stranger, number)
            for _ in range(BROKEN):
                self.break_connection()
            self.serve_honest()
        stranger.close()
        count = (number + 1) * (BATCH + BROKEN)
        print(f"{count:,} inputs in {time.monotonic() - begun:.0f} s: {dict(sorted(self.answers.items()))}", flush=True)
        for code in ("malformed", "invalid", "unsupported", "refused", "answered", "too-large"):
            self.assertGreater(self.answers.get(code, 0), 0, f"no input was {code}: the mutations are too tame")
        self.check_log()

    def check_log(self):
        log = self.peer.read_all()
        self.assertEqual([e["subject"] for e in log], ["case/honest-c1"] * self.honest)
        self.assertEqual(self.peer.call("verify")["bad"], 0)


class Impostor(harness.DaemonCase):
    """Another who calls himself by the name of a peer."""

    def receive_ids(self, peer, count):
        return sorted(msgpack.unpackb(peer.receive()[0])[1] for _ in range(count))

    def ask(self, *numbers):
        return b"".join(message(msgpack.packb([0, n, "status", []])) for n in numbers)

    def test_gets_none_of_the_answers(self):
        for number in range(IMPOSTORS):
            name = b"peer" + struct.pack(">I", number)
            honest = RawPeer(self.daemon.endpoint).handshake(identity=name)
            honest.send(self.ask(1))
            self.assertEqual(self.receive_ids(honest, 1), [1])
            impostor = RawPeer(self.daemon.endpoint).handshake(identity=name)
            impostor.send(self.ask(7, 8))
            honest.send(self.ask(2, 3))
            impostor.send(self.ask(9))
            self.assertEqual(self.receive_ids(honest, 2), [2, 3])
            honest.send(self.ask(4))
            self.assertEqual(self.receive_ids(honest, 1), [4])
            self.check_heard_nothing(impostor)
            honest.close()
            impostor.close()
        print(f"{IMPOSTORS} impostors heard nothing", flush=True)

    def check_heard_nothing(self, impostor):
        impostor.socket.setblocking(False)
        try:
            heard = impostor.socket.recv(65536)
        except BlockingIOError:
            heard = b""
        self.assertEqual(impostor.unread + heard, b"", "an impostor heard something")

    def test_a_name_is_free_again_when_its_peer_has_gone(self):
        for number in range(5):
            with harness.Peer(self.daemon.endpoint) as other:
                peer = RawPeer(self.daemon.endpoint).handshake(identity=b"the same")
                peer.send(self.ask(number))
                self.assertEqual(self.receive_ids(peer, 1), [number])
                peer.close()
                while other.call("status")["peers"] > 2:
                    pass


class Unfinished(harness.DaemonCase):
    """Messages that never end."""

    def test_a_message_that_breaks_off_is_none(self):
        body = msgpack.packb([0, 1, "append", [{"events": [World().activity()]}]])
        whole = frame(body)
        for size in (1, 2, len(whole) // 2, len(whole) - 1):
            stranger = RawPeer(self.daemon.endpoint).handshake()
            stranger.send(whole[:size])
            stranger.close()
        stranger = RawPeer(self.daemon.endpoint).handshake()
        stranger.send(frame(body, MORE))  # the last frame never comes
        stranger.close()
        self.assertEqual(self.peer.call("status")["head"], 0)
        self.assertEqual(self.peer.append(World("w2").activity())["first"], 1)

    def test_one_that_ends_after_very_many_frames_is_refused(self):
        stranger = RawPeer(self.daemon.endpoint).handshake()
        body = msgpack.packb([0, 1, "append", [{"events": [World().activity()]}]])
        for _ in range(200):
            stranger.send(frame(body, MORE) * 50)
        stranger.send(frame(body))
        said = msgpack.unpackb(stranger.receive()[0])
        self.assertEqual((said[1], said[2]["code"]), (0, "malformed"))
        stranger.send(message(msgpack.packb([0, 2, "status", []])))
        self.assertEqual(msgpack.unpackb(stranger.receive()[0])[3]["head"], 0)
        stranger.close()


if __name__ == "__main__":
    harness.main()

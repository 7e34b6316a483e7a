#!/usr/bin/python3
"""Messages made to cost memory: claims of more than there is, nesting without end, too much of
everything, messages that never end. Each is refused with its code, and the daemon takes no memory
for it beyond its own bytes.

TRIAL_ROUNDS is how often each bomb is sent, 200 times unless told."""
import msgpack

from faulty import ROUNDS, FaultCase, harness
from raw_peer import MORE, RawPeer, frame, message
from small_world import World

TIMES = ROUNDS or 200
BOMB_KIB = 1024  # of memory more, for a bomb that is itself small
MIB = 1 << 20


def request(params):
    """An append with these bytes as its parameters."""
    return b"\x94\x00\x07\xa6append\x91" + params


def event_with(value):
    """An append of one event whose data holds a value of these bytes."""
    whole = msgpack.packb([0, 7, "append", [{"events": [World().activity(bomb="HERE")]}]])
    return whole.replace(b"\xa4HERE", value)


def nested(depth, inner=b"\xc0"):
    return b"\x91" * depth + inner


def many_keys(count):
    """A map of so many keys, in order."""
    return b"\xdf" + count.to_bytes(4, "big") + b"".join(b"\xa8%08d\x01" % n for n in range(count))


# name -> (the frame, its code)
SMALL = {
    "an array of 2^32 claimed": (b"\xdd\xff\xff\xff\xff", "malformed"),
    "an array of 2^28 claimed": (b"\xdd\x10\x00\x00\x00", "malformed"),
    "31 arrays, each claiming 2^28": (b"\xdd\x10\x00\x00\x00" * 31, "malformed"),
    "as parameters": (request(b"\xdd\xff\xff\xff\xff"), "malformed"),
    "a map of 2^32 as parameters": (request(b"\xdf\xff\xff\xff\xff"), "malformed"),
    "a text of 2^32": (request(b"\xdb\xff\xff\xff\xff"), "malformed"),
    "bytes of 2^32": (request(b"\xc6\xff\xff\xff\xff"), "malformed"),
    "an extension of 2^32": (request(b"\xc9\xff\xff\xff\xff\x01"), "malformed"),
    "2^32 events claimed": (request(b"\x81\xa6events\xdd\xff\xff\xff\xff"), "malformed"),
    "2^32 types of a read": (b"\x94\x00\x07\xa4read\x91\x81\xa5types\xdd\xff\xff\xff\xff", "malformed"),
    "31 arrays in an event": (event_with(b"\xdd\x10\x00\x00\x00" * 31), "malformed"),
    "a map of 2^28 in an event": (event_with(b"\xdf\x10\x00\x00\x00"), "malformed"),
    "100,000 arrays in one another": (nested(100000), "too-large"),
    "100,000 arrays as parameters": (request(nested(100000)), "too-large"),
    "100,000 maps in one another": (request(b"\x81\xc0" * 100000 + b"\xc0"), "too-large"),
    "100,000 arrays in an event": (event_with(nested(100000)), "too-large"),
    "an event of 17 levels": (event_with(nested(15)), "too-large"),
}
LARGE = {
    "a MiB of nils": (event_with(b"\xdd\x00\x10\x00\x00" + b"\xc0" * MIB), "too-large"),
    "a MiB of empty arrays": (event_with(b"\xdd\x00\x10\x00\x00" + b"\x90" * MIB), "too-large"),
    "a MiB of text": (event_with(b"\xdb\x00\x10\x00\x00" + b"a" * MIB), "too-large"),
    "a MiB of events": (request(b"\x81\xa6events\xdd\x00\x10\x00\x00" + b"\xc0" * MIB), "too-large"),
    "a MiB of types": (b"\x94\x00\x07\xa4read\x91\x81\xa5types\xdd\x00\x10\x00\x00" + b"\xa0" * MIB, "too-large"),
    "200,000 conditions": (b"\x94\x00\x07\xa5query\x91\x82\xa4view\xa5trial\xa5where" + many_keys(200000), "too-large"),
    "200,000 expectations": (request(b"\x82\xa6events\x91" + msgpack.packb(World().activity())
                                     + b"\xa6expect" + many_keys(200000)), "too-large"),
}


class Bombs(harness.DaemonCase):
    def setUp(self):
        super().setUp()
        self.stranger = RawPeer(self.daemon.endpoint).handshake()
        self.addCleanup(self.stranger.close)

    def peak_kib(self):
        """The most memory since the last call."""
        most = self.daemon.memory_kib("VmHWM")
        with open(f"/proc/{self.daemon.process.pid}/clear_refs", "w", encoding="ascii") as clear:
            clear.write("5")
        return most

    def throw(self, bomb, code):
        self.stranger.send(message(bomb))
        said = msgpack.unpackb(self.stranger.receive()[0])
        self.assertIsNotNone(said[2], said)
        self.assertEqual(said[2]["code"], code, said[2])

    def check(self, bombs, times, allowed_kib):
        for name, (bomb, code) in bombs.items():
            with self.subTest(name):
                self.throw(bomb, code)  # what libzmq and the daemon keep for messages of that size is there
                self.peak_kib()
                before_kib = self.daemon.memory_kib("VmRSS")
                for _ in range(times):
                    self.throw(bomb, code)
                more_kib = self.peak_kib() - before_kib
                print(f"{times} times {name}: {code}, {more_kib} KiB more at most", flush=True)
                self.assertLess(more_kib, allowed_kib)
        self.assertEqual(self.peer.append(World().activity())["first"], 1)

    def test_small_ones(self):
        self.check(SMALL, TIMES, BOMB_KIB)

    def test_large_ones(self):
        """A MiB that came over the wire lies in memory once; 25 times that would be an unpacker's."""
        self.check(LARGE, TIMES // 10, 4 * BOMB_KIB)

    def test_a_nest_costs_the_first_time_no_more(self):
        before_kib = self.daemon.memory_kib("VmRSS")
        self.peak_kib()
        for name in ("31 arrays, each claiming 2^28", "100,000 arrays in one another"):
            self.throw(*SMALL[name])
        self.assertLess(self.peak_kib() - before_kib, BOMB_KIB)

    def test_a_frame_over_the_limit_costs_its_connection(self):
        before_kib = self.daemon.memory_kib("VmRSS")
        for size in (4 * MIB + 1, 1 << 31, 1 << 62, (1 << 64) - 1):
            for _ in range(10):
                stranger = RawPeer(self.daemon.endpoint).handshake()
                stranger.send(b"\x02" + size.to_bytes(8, "big") + bytes(1000))
                self.assertIsNone(stranger.receive())
                stranger.close()
        self.assertLess(self.daemon.memory_kib("VmRSS") - before_kib, BOMB_KIB)
        whole = request(b"\x81\xa6events\xdb" + (4 * MIB - 30).to_bytes(4, "big"))
        self.throw(whole + b"a" * (4 * MIB - 30 - len(whole)), "malformed")

    def test_frames_that_are_claimed_and_never_come(self):
        before_kib = self.daemon.memory_kib("VmRSS")
        strangers = []
        for _ in range(100):
            stranger = RawPeer(self.daemon.endpoint).handshake()
            stranger.send(b"\x02" + (4 * MIB).to_bytes(8, "big") + bytes(100))
            strangers.append(stranger)
        self.assertEqual(self.peer.call("status")["peers"], 102)
        grown_kib = self.daemon.memory_kib("VmRSS") - before_kib
        print(f"100 peers that claimed 4 MiB each: {grown_kib} KiB more", flush=True)
        self.assertLess(grown_kib, 100 * 40)  # what a connection takes anyway
        for stranger in strangers:
            stranger.close()


class Endless(FaultCase):
    """A message of frames without end. libzmq keeps them till the last one has come and knows no
    bound, so what bounds them is the memory that the process is allowed."""

    BYTES = 64 * MIB

    def flood(self, peer, size):
        """Send frames of a message that does not end; False where the other side has hung up."""
        part = frame(bytes(60000), MORE)
        return all(peer.send(part) for _ in range(size // len(part)))

    def test_what_was_kept_is_used_again_when_its_peer_has_gone(self):
        with self.daemon() as daemon, daemon.peer() as honest:
            before_kib, world = daemon.anonymous_kib(), World()
            grown_kib = []
            for number in range(1, 6):
                stranger = RawPeer(daemon.endpoint).handshake()
                self.assertTrue(self.flood(stranger, self.BYTES))
                grown_kib.append(daemon.anonymous_kib() - before_kib)
                self.assertEqual(honest.append(world.activity())["first"], number)
                stranger.close()
                while honest.call("status")["peers"] > 1:
                    pass
            print(f"{self.BYTES // MIB} MiB of a message without end, by one peer after another: "
                  f"{', '.join(str(kib // 1024) for kib in grown_kib)} MiB more", flush=True)
            self.assertLess(grown_kib[-1], 2 * self.BYTES // 1024)

    def test_at_the_bound_nothing_acknowledged_is_lost(self):
        daemon = self.daemon()
        daemon.wrapper = ["prlimit", f"--data={256 * MIB}", "--core=0"]
        daemon.start()
        with daemon.peer() as peer:
            for request_events in self.requests(8):
                answer = peer.append(request_events)
                self.acknowledged.update(zip((e["id"] for e in request_events), answer["positions"]))
        stranger = RawPeer(daemon.endpoint).handshake()
        self.assertFalse(self.flood(stranger, 1024 * MIB))
        print("the connection was cut at the bound; "
              f"{daemon.anonymous_kib() // 1024} MiB are in use", flush=True)
        stranger.close()
        daemon.kill()  # as it would be where the bound is one of a control group
        self.check()


if __name__ == "__main__":
    harness.main()

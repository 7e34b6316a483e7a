"""Neighbours: how long an honest client's appends take beside peers that ask and never read, beside
one that sends bombs, and beside strangers who never get through the handshake."""
import contextlib
import os
import pathlib
import random
import shutil
import socket
import sys
import threading
import time

import msgpack

import report
from results import Goal
from servers import Corner, Triald

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from keyring import Keyring  # noqa: E402
from raw_peer import COMMAND, CURVE_GREETING, RawPeer, frame, message  # noqa: E402

NAME = "neighbours"
GROUP = "1 client"
ALONE, DEAF = "triald", "triald, one asks and never reads"
SUBSCRIBED, BOMBED = "triald, one subscribes and never reads", "triald, bombs"
READS, RATE = 2000, 1000     # reads of 1,024 events at once, then so many a second
SUBSCRIPTIONS = 8            # of one connection, each from the first event on
BOMBS = 10000                # a second, 1,000 arrays in one another
KEYED, STRANGE = "triald with keys", "triald with keys, strangers"
NOISY = "triald with keys, strangers that come again"
ELSEWHERE = "triald with keys, strangers next door"
SYSTEMS = (ALONE, DEAF, SUBSCRIBED, BOMBED, KEYED, ELSEWHERE, STRANGE, NOISY)
HALF_OPEN, GARBLED = 1000, 100  # connections
STEP_S = 0.01
NOTES = f"""\
One honest client, one event at a time. Beside it: {READS:,} reads of 1,024 events and then {RATE:,} more a
second, no answer taken; {SUBSCRIPTIONS} subscriptions from the first event on with all credit, nothing taken;
{BOMBS:,} messages a second of 1,000 arrays in one another, each refused and its refusal taken. Strangers, of a
daemon with certificates and a tcp endpoint: {HALF_OPEN:,} connections that stop in the midst of CURVE's handshake and
{GARBLED} that send noise in the course of the visit, or again every second. Who is beside the client has the lowest
priority: it comes from a machine of its own and takes from this one what the daemon spends on it. It is not for
nothing all the same: strangers `next door` do the same to a port that is not the daemon's."""


class OnePeer:
    """A neighbour of one connection."""

    def __init__(self, server):
        self.peer = RawPeer(server.endpoint).handshake()

    def close(self):
        self.peer.close()


class Deaf(OnePeer):
    """Asks for much and never reads."""

    def __init__(self, server):
        super().__init__(server)
        self.number = 0
        self.ask(READS)

    def ask(self, count):
        self.peer.send(b"".join(message(msgpack.packb([0, self.number + n, "read", [{"from": 1}]]))
                                for n in range(count)))
        self.number += count

    def step(self):
        self.ask(int(RATE * STEP_S))


class Subscribed(OnePeer):
    def __init__(self, server):
        super().__init__(server)
        for number in range(SUBSCRIPTIONS):
            self.peer.send(message(msgpack.packb([0, number, "subscribe",
                                                  [{"from": 1, "credit": 1 << 24}]])))

    def step(self):
        """It has asked for all there is."""


class Bomber(OnePeer):
    def __init__(self, server):
        super().__init__(server)
        self.bombs = message(b"\x91" * 1000 + b"\xc0") * int(BOMBS * STEP_S)

    def step(self):
        self.peer.send(self.bombs)
        for _ in range(int(BOMBS * STEP_S)):
            code = msgpack.unpackb(self.peer.receive()[0])[2]["code"]
            assert code == "too-large", code


class Strangers:
    """Come by tcp and are nobody."""

    within_s = 3  # the noise comes, and then the next

    def __init__(self, server):
        self.port, self.dice = self.door(server), random.Random(1)
        self.half = [self.open_half() for _ in range(HALF_OPEN)]
        self.garbled, self.owed = [], 0.0

    def door(self, server):
        return server.daemon.port

    def connect(self, data):
        peer = socket.create_connection(("127.0.0.1", self.port))
        with contextlib.suppress(ConnectionError):  # noise is hung up on, some of it while it is sent
            peer.sendall(data)
        return peer

    def open_half(self):
        hello = frame(b"\x05HELLO" + self.dice.randbytes(194), COMMAND)
        return self.connect(self.dice.choice((b"", CURVE_GREETING[:12], CURVE_GREETING,
                                              CURVE_GREETING + hello)))

    def open_garbled(self):
        return self.connect(self.dice.randbytes(self.dice.randrange(1, 4096)))

    def step(self):
        self.owed += GARBLED * STEP_S / self.within_s
        while self.owed >= 1:
            self.garbled.append(self.open_garbled())
            self.owed -= 1
        while len(self.garbled) > GARBLED:
            self.garbled.pop(0).close()

    def close(self):
        for peer in self.half + self.garbled:
            peer.close()


class StrangersAgain(Strangers):
    within_s = 1


class StrangersElsewhere(Strangers):
    """At a port where nobody takes them in."""

    def door(self, server):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2 * HALF_OPEN)
        return self.listener.getsockname()[1]

    def close(self):
        super().close()
        self.listener.close()


@contextlib.contextmanager
def beside(kind, server):
    """A neighbour at work while the block runs."""
    neighbour, is_over, failures = kind(server), threading.Event(), []

    def work():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        next_s = time.monotonic()
        try:
            while not is_over.wait(max(0, next_s - time.monotonic())):
                neighbour.step()
                next_s += STEP_S
        except (OSError, AssertionError, TypeError) as why:
            failures.append(why)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        neighbour.close()
    assert not failures, failures


class NearTriald(Triald):
    name = "triald-near"


class KeyedTriald(Triald):
    """With certificates, and an endpoint that strangers can reach. Whoever runs the benchmark may do
    everything by the socket."""
    name = "triald-keyed"

    def start(self, store=None, arguments=()):
        shutil.rmtree(os.path.join(self.directory, "keys"), ignore_errors=True)
        for path in pathlib.Path(self.directory).glob("server.key*"):
            path.unlink()
        self.daemon = Keyring(scratch=Corner(self.directory), store=store or self.store,
                              arguments=arguments, wrapper=["setpriv", "--pdeathsig", "KILL"])
        self.daemon.start()


class Block:
    name = "200 B events"

    def __init__(self, bench):
        self.bench, self.subjects = bench, 100 if bench.quick else 1000
        self.server, self.keyed = NearTriald(bench), KeyedTriald(bench)
        self.seconds = max(bench.seconds, 0.2 if bench.quick else 3)

    def setup(self):
        for server in (self.server, self.keyed):
            server.reset(self.subjects, 200)

    def teardown(self):
        for server in (self.server, self.keyed):
            server.stop()

    def groups(self):
        yield GROUP, {ALONE: lambda: self.append(self.server),
                      DEAF: lambda: self.append_beside(self.server, Deaf),
                      SUBSCRIBED: lambda: self.append_beside(self.server, Subscribed),
                      BOMBED: lambda: self.append_beside(self.server, Bomber),
                      KEYED: lambda: self.append(self.keyed),
                      ELSEWHERE: lambda: self.append_beside(self.keyed, StrangersElsewhere),
                      STRANGE: lambda: self.append_beside(self.keyed, Strangers),
                      NOISY: lambda: self.append_beside(self.keyed, StrangersAgain)}

    def append(self, server):
        return self.bench.load(server, "trial", self.subjects, seconds=self.seconds)

    def append_beside(self, server, kind):
        with beside(kind, server):
            return self.append(server)


def blocks(bench):
    if not hasattr(bench, "neighbours"):
        bench.neighbours = [Block(bench)] if bench.is_wanted_system("triald") else []
    return bench.neighbours


def tables(results):
    for block in results.blocks(NAME):
        rows = [[system] + [report.spread(results.spread(NAME, block, GROUP, system, figure))
                            for figure in ("rate", "p50", "p99", "server_us")]
                for system in SYSTEMS]
        yield report.table(f"An honest client beside others, {block}: median [least-most]",
                           ["", "a second", "p50 µs", "p99 µs", "processor µs an event"], rows)
        yield NOTES + "\n"


def goals(results):
    for block in results.blocks(NAME):
        for system, other, bound in ((DEAF, ALONE, 1.1), (SUBSCRIBED, ALONE, 1.1), (BOMBED, ALONE, 2),
                                     (STRANGE, ELSEWHERE, 1.1)):
            beside_what = "alone" if other == ALONE else other.split(", ")[1]
            yield Goal(block, f"p99 of appends, {system.split(', ')[1]} / {beside_what}",
                       results.ratio(NAME, block, GROUP, system, other, "p99"), bound, is_least=False)


def charts(results):
    for block in results.blocks(NAME):
        bars = [(system, results.spread(NAME, block, GROUP, system, "p99"))
                for system in SYSTEMS]
        yield f"{GROUP} beside others, {block}", "p99 µs", [(s, g.median) for s, g in bars if g]

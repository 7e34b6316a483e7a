"""Neighbours: how long an honest client's appends take beside peers that ask and never read, and
beside one that sends bombs."""
import contextlib
import pathlib
import sys
import threading
import time

import msgpack

import report
from results import Goal
from servers import Triald

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from raw_peer import RawPeer, message  # noqa: E402

NAME = "neighbours"
GROUP = "1 client"
ALONE, DEAF = "triald", "triald, one asks and never reads"
SUBSCRIBED, BOMBED = "triald, one subscribes and never reads", "triald, bombs"
READS, RATE = 2000, 1000     # reads of 1,024 events at once, then so many a second
SUBSCRIPTIONS = 8            # of one connection, each from the first event on
BOMBS = 10000                # a second, 1,000 arrays in one another
STEP_S = 0.01
NOTES = f"""\
One honest client, one event at a time. Beside it: {READS:,} reads of 1,024 events and then {RATE:,} more a
second, no answer taken; {SUBSCRIPTIONS} subscriptions from the first event on with all credit, nothing taken;
{BOMBS:,} messages a second of 1,000 arrays in one another, each refused and its refusal taken."""


class Deaf:
    """Asks for much and never reads."""

    def __init__(self, endpoint):
        self.peer, self.number = RawPeer(endpoint).handshake(), 0
        self.ask(READS)

    def ask(self, count):
        self.peer.send(b"".join(message(msgpack.packb([0, self.number + n, "read", [{"from": 1}]]))
                                for n in range(count)))
        self.number += count

    def step(self):
        self.ask(int(RATE * STEP_S))


class Subscribed:
    def __init__(self, endpoint):
        self.peer = RawPeer(endpoint).handshake()
        for number in range(SUBSCRIPTIONS):
            self.peer.send(message(msgpack.packb([0, number, "subscribe",
                                                  [{"from": 1, "credit": 1 << 24}]])))

    def step(self):
        """It has asked for all there is."""


class Bomber:
    def __init__(self, endpoint):
        self.peer = RawPeer(endpoint).handshake()
        self.bombs = message(b"\x91" * 1000 + b"\xc0") * int(BOMBS * STEP_S)

    def step(self):
        self.peer.send(self.bombs)
        for _ in range(int(BOMBS * STEP_S)):
            code = msgpack.unpackb(self.peer.receive()[0])[2]["code"]
            assert code == "too-large", code


@contextlib.contextmanager
def beside(kind, endpoint):
    """A neighbour at work while the block runs."""
    neighbour, is_over, failures = kind(endpoint), threading.Event(), []

    def work():
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
        neighbour.peer.close()
    assert not failures, failures


class NearTriald(Triald):
    name = "triald-near"


class Block:
    name = "200 B events"

    def __init__(self, bench):
        self.bench, self.subjects = bench, 100 if bench.quick else 1000
        self.server = NearTriald(bench)
        self.seconds = max(bench.seconds, 0.2 if bench.quick else 3)

    def setup(self):
        self.server.reset(self.subjects, 200)

    def teardown(self):
        self.server.stop()

    def groups(self):
        yield GROUP, {ALONE: self.append, DEAF: lambda: self.append_beside(Deaf),
                      SUBSCRIBED: lambda: self.append_beside(Subscribed),
                      BOMBED: lambda: self.append_beside(Bomber)}

    def append(self):
        return self.bench.load(self.server, "trial", self.subjects, seconds=self.seconds)

    def append_beside(self, kind):
        with beside(kind, self.server.endpoint):
            return self.append()


def blocks(bench):
    if not hasattr(bench, "neighbours"):
        bench.neighbours = [Block(bench)] if bench.is_wanted_system("triald") else []
    return bench.neighbours


def tables(results):
    for block in results.blocks(NAME):
        rows = [[system] + [report.spread(results.spread(NAME, block, GROUP, system, figure))
                            for figure in ("rate", "p50", "p99", "server_us")]
                for system in (ALONE, DEAF, SUBSCRIBED, BOMBED)]
        yield report.table(f"An honest client beside others, {block}: median [least-most]",
                           ["", "a second", "p50 µs", "p99 µs", "processor µs an event"], rows)
        yield NOTES + "\n"


def goals(results):
    for block in results.blocks(NAME):
        for system, bound in ((DEAF, 1.1), (SUBSCRIBED, 1.1), (BOMBED, 2)):
            yield Goal(block, f"p99 of appends, {system.split(', ')[1]} / alone",
                       results.ratio(NAME, block, GROUP, system, ALONE, "p99"), bound, is_least=False)


def charts(results):
    for block in results.blocks(NAME):
        bars = [(system, results.spread(NAME, block, GROUP, system, "p99"))
                for system in (ALONE, DEAF, SUBSCRIBED, BOMBED)]
        yield f"{GROUP} beside others, {block}", "p99 µs", [(s, g.median) for s, g in bars if g]

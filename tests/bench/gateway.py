"""The gateway: event streams of trialboard, which has one core, while events come at a steady rate."""
import os

import report
from board import Board
from reading import scaled
from results import Goal
from servers import Triald

NAME = "board"
STREAMS = 200
RATE = 100  # events a second, to each stream
CORE = 1
GROUP = f"{STREAMS} streams"
NOTES = f"""\
trialboard on one core (the daemon and the readers have the others, and this one too), {STREAMS} open event streams,
one publisher, {RATE} events a second, one at a time: from handing over to arrival at each stream. `acknowledged` is
the publisher's own wait. `core` is the share of one core that the gateway used."""


class BoardTriald(Triald):
    name = "triald-board"


class Streams:
    name = f"{RATE} events a second"

    def __init__(self, bench):
        self.bench = bench
        self.server = BoardTriald(bench)
        self.seconds = 1 if bench.quick else max(bench.seconds, 10)
        self.board = None

    def setup(self):
        os.environ["TRIALBOARD"] = os.path.join(self.bench.build, "trialboard")
        self.server.reset(100, 200)
        core = str(min(CORE, os.cpu_count() - 1))
        self.board = Board(self.server.daemon,
                           wrapper=["setpriv", "--pdeathsig", "KILL", "taskset", "-c", core])
        self.board.start()

    def teardown(self):
        if self.board is not None and self.board.process is not None:
            self.board.stop()
        self.server.stop()

    def groups(self):
        yield GROUP, {"trialboard": self.push}

    def busy_seconds(self):
        with open(f"/proc/{self.board.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def push(self):
        before = self.busy_seconds()
        figures = self.bench.measure("read_board", "push",
                                     f"{self.server.endpoint}#{self.board.port}", STREAMS, RATE,
                                     self.seconds)
        return figures | {"core": (self.busy_seconds() - before) / self.seconds}


def blocks(bench):
    if not hasattr(bench, "board"):
        is_there = os.access(os.path.join(bench.build, "trialboard"), os.X_OK)
        bench.board = [Streams(bench)] if is_there and bench.is_wanted_system("trialboard") else []
    return bench.board


def tables(results):
    for block in results.blocks(NAME):
        rows = []
        for group in results.groups(NAME, block):
            for key in sorted(k for k in results.index if k[:3] == (NAME, block, group)):
                rows.append([f"{group}: {key[3]}"] + [
                    report.spread(results.spread(*key, f))
                    for f in ("rate", "p50", "p99", "ack_p50", "ack_p99", "core")])
        yield report.table(f"{block}: median [least-most]",
                           ["", "a second", "p50 µs", "p99 µs", "acknowledged p50", "p99", "core"], rows)
    if results.blocks(NAME):
        yield NOTES + "\n"


def goals(results):
    for block in results.blocks(NAME):
        yield Goal(block, f"{GROUP}, p99",
                   scaled(results.spread(NAME, block, GROUP, "trialboard", "p99"), 1e-3), 250,
                   is_least=False, unit="ms")


def charts(results):
    for block in results.blocks(NAME):
        got = results.spread(NAME, block, GROUP, "trialboard", "p99")
        if got:
            yield f"{GROUP}, {block}, p99", "µs", [("trialboard", got.median)]

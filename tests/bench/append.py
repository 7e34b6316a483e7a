"""Appending: triald beside its peers and beside the limits, at 1 and 16 clients, one event at a time
and 256 in flight."""
import os
import signal
import subprocess

import report
from results import Goal
from servers import Failed

NAME = "append"
SHAPES = {  # clients and window
    "1 client": (1, 1), "16 clients": (16, 1), "1 x 256": (1, 256), "16 x 256": (16, 256)}
SYSTEMS = {  # name in the tables: server, form, whether it is for windows only
    "triald": ("triald", "trial", False),
    "triald history only": ("triald", "activity", False),
    "Redis XADD": ("redis", "plain", False),
    "Redis same work": ("redis", "same-work", False),
    "PostgreSQL": ("postgres", "each", False),
    "PostgreSQL txn/256": ("postgres", "window", True),
    "NATS (not durable)": ("nats", "plain", False),
    "ZeroMQ echo": ("zeromq", None, False),
}
PREFIXES = {"activity": "case/c"}
LMDB, DISK = "LMDB one table", "fdatasync 4 KiB"
NOTES = """\
triald decides trial.suspended and trial.resumed of running trials by its rules, at the revision that the
publisher expects, with permanent ids, leaf hashes and views; one request an event. `history only` is
activity.completed, which no rule forbids. Redis: appendfsync always; a plain XADD to one stream, and
`same work`: SET NX of the id, XLEN as revision, XADD to stream and log in one script. PostgreSQL:
one table, unique id, stream and version, by a function; a transaction an event or one for 256. NATS
JetStream 2.9 acknowledges before anything is flushed. LMDB: one table, one thread, a synced commit
for 1, 16, 256 or 4,096 records. The payload has the stated size; what names an event comes on top."""


def title_of(subjects, size):
    return f"{subjects:,} subjects, {size:,} B"


class Block:
    """One count of subjects and one size: every server afresh, then all shapes."""

    def __init__(self, bench, subjects, size):
        self.bench, self.subjects, self.size = bench, subjects, size
        self.name = title_of(subjects, size)

    def setup(self):
        for server in self.bench.servers.values():
            server.reset(self.subjects, self.size)

    def teardown(self):
        """The servers stay up for the next block; what they acknowledged must be there."""
        for server in self.bench.servers.values():
            server.check()

    def groups(self):
        for shape, (clients, window) in SHAPES.items():
            visits = {}
            for system, (key, form, is_windows) in SYSTEMS.items():
                if key in self.bench.servers and (window > 1 or not is_windows):
                    visits[system] = self.visit(key, form, clients, window)
            visits[LMDB] = lambda batch=clients * window: self.lmdb(batch)
            if window == 1 and clients == 1:
                visits[DISK] = self.disk
            yield shape, visits

    def visit(self, key, form, clients, window):
        return lambda: self.bench.load(
            self.bench.servers[key], form, subjects=self.subjects, size=self.size, clients=clients,
            window=window, prefix=PREFIXES.get(form))

    def lmdb(self, batch):
        folder = os.path.join(self.bench.scratch, "lmdb")
        os.makedirs(folder, exist_ok=True)
        return self.bench.measure("limit_lmdb", folder, self.bench.seconds, self.size, batch)

    def disk(self):
        return self.bench.measure("limit_disk", os.path.join(self.bench.scratch, "flushed"),
                                  self.bench.seconds)


def blocks(bench):
    for subjects in bench.subjects:
        for size in bench.sizes:
            yield Block(bench, subjects, size)


FLUSHING = {"triald": ("triald", "trial"), "Redis XADD": ("redis", "plain"),
            "Redis same work": ("redis", "same-work"), "PostgreSQL": ("postgres", "each"),
            "NATS (not durable)": ("nats", "plain")}


def checks(bench):
    """Lines that say who flushes before it acknowledges: at one client each event costs a flush."""
    lines = ["Flushes of the log counted by strace, one client, one event at a time:"]
    subjects, size = bench.subjects[0], bench.sizes[0]
    for system, (key, form) in FLUSHING.items():
        if key not in bench.servers or not bench.is_wanted_system(system):
            continue
        server = bench.servers[key]
        server.reset(subjects, size)
        try:
            flushes, events = count_flushes(bench, server, form, subjects, size)
        except (Failed, OSError) as why:
            lines.append(f"  {system}: not counted: {why}")
            continue
        verdict = "flushed before each acknowledgement" if flushes >= events else "NOT durable"
        lines.append(f"  {system}: {flushes} flushes for {events} events: {verdict}")
    return lines


def count_flushes(bench, server, form, subjects, size):
    path = os.path.join(bench.scratch, "strace")
    tracer = subprocess.Popen(["strace", "-f", "-y", "-e", "trace=fdatasync,fsync",
                               "-e", "signal=none", "-o", path, "-p", str(server.pid)],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        said = tracer.stderr.readline()
        if "attached" not in said:
            raise Failed(said.strip() or "strace cannot attach")
        figures = bench.load(server, form, subjects=subjects, size=size, seconds=0.5,
                             prefix=PREFIXES.get(form))
    finally:
        if tracer.poll() is None:
            tracer.terminate()
        tracer.communicate()
    with open(path, encoding="utf-8", errors="replace") as lines:
        flushes = sum(1 for line in lines if "sync(" in line and server.log_files in line)
    return flushes, figures["events"]


PROFILED = 14  # functions a shape


def profiles(bench):
    """Lines that say where the daemon's processor time goes, one list a shape."""
    subjects, size = bench.subjects[-1], bench.sizes[0]
    server = bench.servers.get("triald")
    if server is None:
        return []
    server.reset(subjects, size)
    lines = []
    for shape, (clients, window) in SHAPES.items():
        lines += ["", f"Where triald's processor time goes, {shape}, {title_of(subjects, size)}:"]
        try:
            lines += profile(bench, server, subjects, size, clients, window)
        except (Failed, OSError) as why:
            lines.append(f"  not taken: {why}")
    return lines


def profile(bench, server, subjects, size, clients, window):
    path = os.path.join(bench.scratch, "perf.data")
    sampler = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-o", path,
                                "-p", str(server.pid)],
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        bench.load(server, "trial", subjects=subjects, size=size, clients=clients, window=window)
    finally:
        if sampler.poll() is None:
            sampler.send_signal(signal.SIGINT)
        said = sampler.communicate()[1]
    if not os.path.exists(path):
        raise Failed(said.strip()[:200] or "perf recorded nothing")
    run = subprocess.run(["perf", "report", "--stdio", "-q", "--sort", "comm,symbol", "-i", path],
                         capture_output=True, text=True, check=False)
    found = [line.strip(" -") for line in run.stdout.splitlines() if line.strip(" -")]
    return [f"  {line}" for line in found[:PROFILED]]


def systems(results, block):
    """The systems of a block in the order of the tables."""
    found = {k[3] for k in results.index if k[:2] == (NAME, block)}
    return [s for s in [*SYSTEMS, LMDB, DISK] if s in found]


def tables(results):
    """Three tables a block: events a second, how long an acknowledgement takes, what an event costs."""
    for block in results.blocks(NAME):
        shapes = results.groups(NAME, block)
        rates, waits, costs = [], [], []
        for system in systems(results, block):
            rates.append([system] + [report.spread(results.spread(NAME, block, s, system, "rate"))
                                     for s in shapes])
            waits.append([system] + [pair(results, block, s, system, "p50", "p99") for s in shapes])
            costs.append([system] + [pair(results, block, s, system, "server_us", "client_us")
                                     for s in shapes])
        yield report.table(f"{block}: events a second, median [least-most]", ["", *shapes], rates)
        yield report.table(f"{block}: to the acknowledgement, µs, p50 / p99", ["", *shapes], waits)
        yield report.table(f"{block}: processor time an event, µs, server / load generator",
                           ["", *shapes], costs)
    if results.blocks(NAME):
        yield NOTES + "\n"


def pair(results, block, shape, system, *figures):
    """The medians of two figures; `-` for what is not there."""
    got = [results.spread(NAME, block, shape, system, f) for f in figures]
    return " / ".join(report.number(g.median if g else None) for g in got) if any(got) else "-"


def goals(results):
    for block in results.blocks(NAME):
        many = int(block.split(" ")[0].replace(",", "")) > 1000
        wanted = [
            ("1 client", "Redis same work", 1.1), ("1 client", "Redis XADD", 1.0),
            ("1 client", "PostgreSQL", 1.5), ("16 clients", "Redis XADD", 1.75),
            ("1 x 256", "Redis XADD", 1.25 if many else 2), ("1 x 256", "Redis same work", 4),
            ("16 x 256", "Redis XADD", 1.0 if many else 1.25), ("16 x 256", "Redis same work", 4),
            ("16 x 256", "PostgreSQL txn/256", 5)]
        for shape, peer, bound in wanted:
            yield Goal(block, f"{shape}, triald / {peer}",
                       results.ratio(NAME, block, shape, "triald", peer), bound)
        yield Goal(block, "1 client, p50 / (flush + ZeroMQ round trip)",
                   results.paired(results.rounds(NAME, block, "1 client", "triald", "p50"),
                                  floor(results, block)), 1.2, is_least=False)


def floor(results, block):
    """{round: microseconds} of one flush and one bare round trip."""
    flush = results.rounds(NAME, block, "1 client", DISK, "p50")
    trip = results.rounds(NAME, block, "1 client", "ZeroMQ echo", "p50")
    return {r: flush[r] + trip[r] for r in flush if r in trip}


def charts(results):
    for block in results.blocks(NAME):
        for shape in results.groups(NAME, block):
            bars = []
            for system in systems(results, block):
                got = results.spread(NAME, block, shape, system, "rate")
                if got:
                    bars.append((system, got.median))
            yield f"{shape}, {block}", "events/s", bars

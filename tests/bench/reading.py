"""Reading: the whole log, one subject's history, push to subscribers; questions and an export while
appends go on as fast as they can."""
import glob
import os
import threading
import time

import report
from results import Goal, Spread
from servers import Failed, Redis, Triald

NAME = "reading"
EVENTS = 20  # of each subject
RATE = 1000  # events a second to subscribers
SUBSCRIBERS = 50
PREFIX = "case/c"
REPLAY, HISTORY = "replay", f"history of {EVENTS}"
PUSH_1, PUSH_MANY = "push to 1", f"push to {SUBSCRIBERS}"
ALONE, FLAT_OUT, FLAT_OUT_MANY = "nobody listens", "flat out, nobody", f"flat out, {SUBSCRIBERS} listen"
APPENDS, ASKED, EXPORTED = "appends alone", "questions meanwhile", "an export meanwhile"
NOTES = f"""\
triald through libtrial: trial_replay_next() for the log, `read` of one subject, `subscribe`. Redis: XRANGE
COUNT 1000, XRANGE of one stream, XREAD BLOCK, appendfsync always. Push: one publisher, one event at a time,
{RATE:,}/s, from handing over to arrival; `acknowledged` is the publisher's own wait. Flat out: the
publisher does not wait for the clock, and the subscribers share the processors with it. Under load:
one client, 256 in flight; a question every 5 ms for one trial, its programme or its network."""


class LogTriald(Triald):
    name = "triald-log"


class LoadTriald(Triald):
    name = "triald-load"


class ReadRedis(Redis):
    name = "redis-read"


class Log:
    """A log of many subjects with 20 events each, made once a run and read in every round."""

    def __init__(self, bench):
        self.bench = bench
        self.subjects = 100 if bench.quick else 50000
        self.name = f"{self.subjects * EVENTS:,} events of 200 B"
        self.systems = {}  # name in the tables: server, program
        for system, kind in (("triald", LogTriald), ("Redis", ReadRedis)):
            server = kind(bench)
            if bench.is_wanted_system(system) and not server.absent():
                self.systems[system] = (server, f"read_{server.key}")
        self.is_made = False

    def setup(self):
        if not self.is_made:
            for server, _ in self.systems.values():
                self.make(server)
            self.is_made = True
        else:
            for server, _ in self.systems.values():
                server.start()

    def make(self, server):
        if isinstance(server, Triald):
            server.reset(100, 200)
        else:
            server.start()
        self.bench.say(f"filling {server.name}")
        form = "activity" if isinstance(server, Triald) else "same-work"
        for path in glob.glob(server.state(form)):
            os.unlink(path)
        for _ in range(EVENTS):
            self.bench.load(server, form, self.subjects, window=256, once=True, prefix=PREFIX)

    def teardown(self):
        for server, _ in self.systems.values():
            server.stop()

    def groups(self):
        seconds = self.bench.seconds
        history = ["history", PREFIX, self.subjects, EVENTS, seconds]
        yield REPLAY, self.visits("replay")
        visits = self.visits(*history)
        if "zeromq" in self.bench.servers:
            echo = self.bench.servers["zeromq"]
            visits["ZeroMQ echo"] = lambda: self.bench.load(echo, None, subjects=1)
        yield HISTORY, visits
        for group, subscribers, rate in ((PUSH_1, 1, RATE), (PUSH_MANY, SUBSCRIBERS, RATE),
                                         (ALONE, 0, RATE), (FLAT_OUT, 0, 0),
                                         (FLAT_OUT_MANY, SUBSCRIBERS, 0)):
            yield group, self.visits("push", subscribers, rate, max(seconds, 0.5))

    def visits(self, mode, *words):
        return {system: lambda server=server, program=program:
                self.bench.measure(program, mode, server.endpoint, *words)
                for system, (server, program) in self.systems.items()}


class Load:
    """A fresh store of running trials, and appends as fast as they go."""
    name = "under load"

    def __init__(self, bench):
        self.bench, self.subjects = bench, 100 if bench.quick else 1000
        self.server = LoadTriald(bench)
        self.seconds = max(bench.seconds, 0.3 if bench.quick else 4)

    def setup(self):
        self.server.reset(self.subjects, 200)

    def teardown(self):
        self.server.stop()

    def groups(self):
        yield APPENDS, {"triald": self.append}
        yield ASKED, {"triald": self.ask}
        yield EXPORTED, {"triald": self.export}

    def append(self):
        return self.bench.load(self.server, "trial", self.subjects, window=256, seconds=self.seconds)

    def ask(self):
        """How long answers take; `rate` is that of the appends."""
        appended = {}
        thread = threading.Thread(target=lambda: appended.update(self.append()))
        thread.start()
        time.sleep(min(0.5, self.seconds / 4))  # the load has begun
        figures = self.bench.measure("read_triald", "query", self.server.endpoint, self.seconds * 3 / 4)
        thread.join()
        if not appended:
            raise Failed("the appends failed")
        return figures | {"questions": figures["events"], "rate": appended["rate"]}

    def export(self):
        """How fast appends go while the whole log is read over and over."""
        appended, replays = {}, []
        thread = threading.Thread(target=lambda: appended.update(self.append()))
        thread.start()
        while thread.is_alive():
            replays.append(self.bench.measure("read_triald", "replay", self.server.endpoint))
        thread.join()
        if not appended:
            raise Failed("the appends failed")
        return appended | {"exported": sum(r["events"] for r in replays)}


def blocks(bench):
    if not hasattr(bench, "reading"):
        bench.reading = [Log(bench), Load(bench)] if bench.is_wanted_system("triald") else [Log(bench)]
    return bench.reading


def tables(results):
    for block in results.blocks(NAME):
        rows = []
        for group in results.groups(NAME, block):
            for key in sorted(k for k in results.index if k[:3] == (NAME, block, group)):
                spreads = [results.spread(*key, f)
                           for f in ("rate", "p50", "p99", "ack_p50", "ack_p99")]
                rows.append([f"{group}: {key[3]}"] +
                            [report.spread(s if s and s.most > 0 else None) for s in spreads])
        yield report.table(f"{block}: median [least-most]",
                           ["", "a second", "p50 µs", "p99 µs", "acknowledged p50", "p99"], rows)
    if results.blocks(NAME):
        yield NOTES + "\n"


def goals(results):
    for block in results.blocks(NAME):
        yield from load_goals(results, block) if block == Load.name else log_goals(results, block)


def log_goals(results, block):
    yield Goal(block, "replay, thousand events/s",
               scaled(results.spread(NAME, block, REPLAY, "triald", "rate"), 1e-3), 1000, unit="k/s")
    yield Goal(block, "replay, triald / Redis XRANGE",
               results.ratio(NAME, block, REPLAY, "triald", "Redis"), 2)
    yield Goal(block, f"{HISTORY}, p50 / ZeroMQ round trip",
               results.ratio(NAME, block, HISTORY, "triald", "ZeroMQ echo", "p50"), 1.5,
               is_least=False)
    for group in (PUSH_1, PUSH_MANY):
        for figure in ("p50", "p99"):
            yield Goal(block, f"{group}, {figure}, triald / Redis XREAD BLOCK",
                       results.ratio(NAME, block, group, "triald", "Redis", figure), 1, is_least=False)
    yield Goal(block, f"appends at {RATE:,}/s, {SUBSCRIBERS} subscribers / none",
               results.paired(results.rounds(NAME, block, PUSH_MANY, "triald", "rate"),
                              results.rounds(NAME, block, ALONE, "triald", "rate")), 0.9)


def load_goals(results, block):
    yield Goal(block, "questions while appends saturate, p99",
               scaled(results.spread(NAME, block, ASKED, "triald", "p99"), 1e-3), 10, is_least=False,
               unit="ms")
    yield Goal(block, "appends, an export meanwhile / alone",
               results.paired(results.rounds(NAME, block, EXPORTED, "triald", "rate"),
                              results.rounds(NAME, block, APPENDS, "triald", "rate")), 0.7)


def scaled(got, factor):
    return got and Spread(got.median * factor, got.least * factor, got.most * factor, got.count)


def charts(results):
    for block in results.blocks(NAME):
        for group in results.groups(NAME, block):
            figure = "rate" if group in (REPLAY, APPENDS, EXPORTED, FLAT_OUT, FLAT_OUT_MANY) else "p50"
            bars = []
            for key in sorted(k for k in results.index if k[:3] == (NAME, block, group)):
                got = results.spread(*key, figure)
                if got:
                    bars.append((key[3], got.median))
            yield f"{group}, {block}", "a second" if figure == "rate" else "µs", bars

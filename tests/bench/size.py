"""Size: the same append, start, rebuild and question in a small log and in large ones."""
import array
import os
import re
import shutil
import subprocess
import threading
import time

import report
from append import SHAPES
from reading import scaled
from results import Goal, Spread
from servers import PREPARED_EVENTS, Failed, Triald, foundation, trial_lines
from small_world import World

NAME = "size"
CLIENTS = 16
EACH = 20              # events of a case
REBUILD_S = 1800       # until a rebuild is given up: others may use the machine
STEP_EVENTS = 1000000  # appended by one run of the load generator while a log grows
LEGAL_SHARE = 0.1      # of the events that belong to trials; the others are activities in cases
ASKED = World("w2")    # the programme that is asked about
ASKED_EVENTS = 2000
ASKED_FROM = 500000    # number of its first trial: the ids are those of no other trial
VIEWS = ("funnel", "trial", "exemption")
GROWING = ["--commit-events", "131072"]  # nobody measures that
IDS = {"UUIDv7": (), "random ids": ("--random-ids",)}
APPENDS = [f"{shape}, {ids}" for shape in ("1 client", "1 x 256", "16 x 256") for ids in IDS]
CLEAN, KILLED, CUT = "start after a clean stop", "start after kill -9", "start after a power cut"
DISK, AS_OF, REBUILD = "on disk", f"as_of, {ASKED_EVENTS:,} events", "rebuild"
NOTES = f"""\
One log, copied as it reaches each size; all copies are visited in the same rounds, and the smallest is copied
anew for each of them. {LEGAL_SHARE:.0%} of the events suspend and resume trials, the others are activities in cases
of {EACH} events. Appends are those of triald's own rules (trial.suspended, trial.resumed); random ids are
UUIDv4. Bytes on disk are those of data.mdb, whose free pages count; the journal comes on top. Memory is RssAnon:
without pages of files; at a rebuild its peak. Start: from exec to READY=1. After a clean stop with the page cache
warm and with the store's files dropped from it. After kill -9: under load, warm. After a power cut: both
files of the journal are full of events of trials and cases that the tables lack, nothing is cached. as_of: {', '.join(VIEWS)} of a
programme of {ASKED_EVENTS:,} events, another day each time, asked by a Python client."""


def title_of(size):
    return f"{size:,} events"


def field_of(path, name):
    """A number of a file like /proc/PID/status."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise Failed(f"{path} has no {name}")


class Log(Triald):
    """A daemon on a log of one size, and what its publishers know."""

    def __init__(self, bench, name, trials):
        self.name, self.trials = name, trials
        self.cases = None  # prefix and number of some that the log has
        super().__init__(bench)

    def anon_mib(self):
        return field_of(f"/proc/{self.pid}/status", "RssAnon") / 1024

    def head(self):
        return self.daemon.ask("status")["head"]

    def drive(self, *words, subjects, prefix=None, form="many"):
        """The load generator until it has appended all."""
        given = ["--endpoint", self.endpoint, "--form", form, "--subjects", subjects, *words]
        given += ["--prefix", prefix] if prefix else ["--state", self.state("trial")]
        return self.bench.measure(self.program, *given)

    def found(self):
        """What must be there before it grows: trials that run, and the programme asked about."""
        self.start()
        known = {e["subject"] for e in foundation(World("w1"))}
        beginning = [e for e in foundation(ASKED) if e["subject"] not in known]
        count = (ASKED_EVENTS - len(beginning)) // PREPARED_EVENTS
        self.daemon.import_events(foundation(World("w1")) + beginning)
        for world, first, trials in ((World("w1"), 0, self.trials), (ASKED, ASKED_FROM, count)):
            made = self.daemon.ctl("import", "-", "--json", stdin=trial_lines(world, first, trials))
            if '"rejected":0' not in made.out.replace(" ", ""):
                raise Failed(f"the prepared history was refused: {made.out[-300:]}")
        with open(self.state("trial"), "wb") as state:
            state.write(PREPARED_EVENTS.to_bytes(8, "little") * self.trials)
        self.stop()

    def grow(self, size):
        self.start(arguments=GROWING)
        head = self.head()
        while head < size:
            step = min(size - head, STEP_EVENTS)
            times = int(step * LEGAL_SHARE) // self.trials
            cases = (step - times * self.trials) // EACH
            many = ["--clients", 2, "--window", 512]
            if times:
                self.drive(*many, "--each", times, subjects=self.trials)
            if cases < 2:
                break
            self.cases = self.cases or (f"case/{head}-", cases)
            self.drive(*many, "--each", EACH, subjects=cases, prefix=f"case/{head}-")
            head = self.head()
        self.stop()
        self.bench.say(f"the log has {head:,} events")

    def copy_to(self, other):
        """Its store and what is known of it; with one directory, hard work for the disk."""
        shutil.rmtree(other.store, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", self.store, other.store], check=True)
        shutil.copy(self.state("trial"), other.state("trial"))
        other.cases = self.cases

    def learn(self, since):
        """Take the revisions of the trials from the log, where a publisher was ended in its work."""
        revisions = array.array("Q")
        with open(self.state("trial") + ".before", "rb") as state:
            revisions = array.array("Q")
            revisions.frombytes(state.read())
        for event in self.daemon.log("--from", since + 1):
            if event["subject"].startswith("trial/w1-"):
                revisions[int(event["subject"][9:])] = event["revision"]
        with open(self.state("trial"), "wb") as state:
            revisions.tofile(state)

    def publisher(self, *words):
        given = [self.bench.program(self.program), "--endpoint", self.endpoint, "--seconds", 60,
                 "--window", 256, *words]
        return subprocess.Popen([str(w) for w in given], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_in_the_middle(self, seconds, has_cases=False):
        """Append as fast as it goes until the publishers fail or the time is up; then kill -9. The last
        position before that."""
        shutil.copy(self.state("trial"), self.state("trial") + ".before")
        since = self.head()
        publishers = [self.publisher("--form", "trial", "--state", self.state("trial"), "--subjects",
                                     self.trials, "--clients", CLIENTS)]
        if has_cases:
            prefix, cases = self.cases
            publishers.append(self.publisher("--form", "many", "--prefix", prefix, "--subjects", cases,
                                             "--clients", min(CLIENTS, cases)))
        end = time.monotonic() + seconds
        try:
            for publisher in publishers:
                publisher.wait(max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        self.daemon.kill()
        for publisher in publishers:
            publisher.kill()
            publisher.wait()
        return since

    def forget_pages(self):
        """The store's files leave the page cache, as after the power came back."""
        subprocess.run(["sync", "-f", self.store], check=False)
        for place, _, names in os.walk(self.store):
            for name in names:
                file = os.open(os.path.join(place, name), os.O_RDONLY)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(file)

    def timed_start(self, arguments=()):
        """Milliseconds to READY and of the processor, and how many events the journal had for the
        tables."""
        begun = time.perf_counter()
        self.start(arguments=arguments)
        took = (time.perf_counter() - begun) * 1e3
        said = re.search(r"took in (\d+) events", self.daemon.stderr())
        return took, self.busy_seconds() * 1e3, int(said[1]) if said else 0

    # What a visit does.

    def append(self, shape, ids):
        clients, window = SHAPES[shape]
        before, head = self.busy_seconds(), self.head()
        figures = self.drive("--clients", clients, "--window", window, "--seconds",
                             self.bench.seconds, *IDS[ids], subjects=self.trials, form="trial")
        figures["server_us"] = (self.busy_seconds() - before) * 1e6 / figures["events"]
        if self.head() != head + figures["events"]:
            raise Failed(f"{figures['events']} events were acknowledged after {head:,}; the log has "
                         f"{self.head():,}")
        return figures | {"anon_mib": self.anon_mib()}

    def start_clean(self):
        self.stop()
        warm, _, _ = self.timed_start()
        self.stop()
        self.forget_pages()
        cold, busy, _ = self.timed_start()
        return {"ms": warm, "cold_ms": cold, "cpu_ms": busy, "anon_mib": self.anon_mib()}

    def start_killed(self):
        since = self.kill_in_the_middle(self.bench.seconds)
        took, busy, events = self.timed_start()
        figures = {"ms": took, "cpu_ms": busy, "events": events, "anon_mib": self.anon_mib()}
        self.learn(since)
        return figures

    def start_cut(self):
        """With no room in LMDB's map the journal fills to its end; then appends are refused."""
        self.stop()
        self.start(arguments=["--map-bytes", "1M"])
        since = self.kill_in_the_middle(60, has_cases=True)
        self.forget_pages()
        took, busy, events = self.timed_start()
        figures = {"cold_ms": took, "cpu_ms": busy, "events": events, "anon_mib": self.anon_mib()}
        self.learn(since)
        return figures

    def on_disk(self):
        size = os.stat(os.path.join(self.store, "lmdb", "data.mdb")).st_size
        return {"bytes": size / self.head(), "anon_mib": self.anon_mib()}

    def as_of(self):
        """Each view on many days, by a client that waits for each answer."""
        waits, before = [], self.busy_seconds()
        with self.daemon.peer() as peer:
            for number in range(10 if self.bench.quick else 200):
                day = f"2017-{number % 12 + 1:02}-{number % 28 + 1:02}"
                view = VIEWS[number % len(VIEWS)]
                begun = time.perf_counter()
                found = peer.call("query", view=view, where={"programme": ASKED.programme}, as_of=day)
                waits.append((time.perf_counter() - begun) * 1e3)
                if not found["rows"] and view == "funnel":
                    raise Failed(f"the programme is not there on {day}")
        waits.sort()
        return {"ms": waits[len(waits) // 2], "p99_ms": waits[len(waits) * 99 // 100],
                "cpu_ms": (self.busy_seconds() - before) * 1e3 / len(waits)}

    def rebuild(self):
        most, is_over, head = [self.anon_mib()], threading.Event(), self.head()

        def watch():
            while not is_over.wait(0.02):
                most.append(self.anon_mib())

        watcher = threading.Thread(target=watch)
        watcher.start()
        begun, before = time.perf_counter(), self.busy_seconds()
        try:
            run = subprocess.run([os.environ["TRIALCTL"], "rebuild", "--endpoint", self.endpoint,
                                  "--timeout", f"{REBUILD_S}s"], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, check=False)
        finally:
            took, busy = time.perf_counter() - begun, self.busy_seconds() - before
            is_over.set()
            watcher.join()
        if run.returncode != 0:
            raise Failed(f"the rebuild failed: {run.stderr.strip()[-300:]}")
        return {"rate": head / took, "seconds": took, "server_us": busy * 1e6 / head,
                "anon_mib": max(most)}


class Sizes:
    """All sizes in one block, so that a round compares them."""

    def __init__(self, bench):
        self.bench, self.sizes = bench, bench.options.log_sizes
        self.name = "from " + " to ".join(f"{s:,}" for s in (self.sizes[0], self.sizes[-1])) + " events"
        self.trials = 100 if bench.quick else 10000
        self.logs, self.kept, self.is_made = {}, None, False

    def make(self):
        growing = Log(self.bench, "size-grown", self.trials)
        growing.found()
        for size in self.sizes:
            growing.grow(size)
            log = self.logs[size] = Log(self.bench, f"size-{size}", self.trials)
            if size == self.sizes[0]:
                self.kept = Log(self.bench, "size-kept", self.trials)
                growing.copy_to(self.kept)
            if size != self.sizes[-1]:
                growing.copy_to(log)
            else:
                os.rename(growing.store, log.store)
                os.rename(growing.state("trial"), log.state("trial"))
                log.cases = growing.cases
        self.is_made = True

    def setup(self):
        if not self.is_made:
            self.make()
        else:
            self.kept.copy_to(self.logs[self.sizes[0]])
        for log in self.logs.values():
            log.start()

    def teardown(self):
        for log in self.logs.values():
            log.stop()

    def groups(self):
        yield DISK, self.visits(Log.on_disk)
        for shape in ("1 client", "1 x 256", "16 x 256"):
            for ids in IDS:
                yield f"{shape}, {ids}", self.visits(Log.append, shape, ids)
        yield AS_OF, self.visits(Log.as_of)
        yield REBUILD, self.visits(Log.rebuild)
        yield CLEAN, self.visits(Log.start_clean)
        yield KILLED, self.visits(Log.start_killed)
        yield CUT, self.visits(Log.start_cut)

    def visits(self, act, *words):
        """The logs come to be when the block is set up."""
        return {f"triald, {title_of(size)}": lambda size=size: act(self.logs[size], *words)
                for size in self.sizes}


def blocks(bench):
    if not bench.is_wanted_system("triald") or not os.path.exists(bench.program(Triald.program)):
        return []
    if not hasattr(bench, "log_sizes"):
        bench.log_sizes = [Sizes(bench)]
    return bench.log_sizes


def systems(results, block):
    return sorted({k[3] for k in results.index if k[:2] == (NAME, block)},
                  key=lambda s: int(re.sub(r"\D", "", s)))


FIGURES = [  # row of the table, group, figure
    *[(f"{group}: events/s", group, "rate") for group in APPENDS],
    *[(f"{group}: processor time, µs", group, "server_us") for group in APPENDS],
    ("bytes on disk an event", DISK, "bytes"),
    ("start after a clean stop, ms", CLEAN, "ms"), ("  nothing cached", CLEAN, "cold_ms"),
    ("  processor time", CLEAN, "cpu_ms"),
    ("start after kill -9, ms", KILLED, "ms"), ("  processor time", KILLED, "cpu_ms"),
    ("  events in the journal", KILLED, "events"),
    ("start after a power cut, ms", CUT, "cold_ms"), ("  processor time", CUT, "cpu_ms"),
    ("  events in the journal", CUT, "events"),
    ("rebuild, events/s", REBUILD, "rate"), ("  processor time, µs", REBUILD, "server_us"),
    (f"{AS_OF}: p50, ms", AS_OF, "ms"), (f"{AS_OF}: p99, ms", AS_OF, "p99_ms"),
    ("  processor time, ms", AS_OF, "cpu_ms")]


def tables(results):
    for block in results.blocks(NAME):
        columns = systems(results, block)
        rows = [[title] + [report.spread(results.spread(NAME, block, group, s, figure))
                           for s in columns] for title, group, figure in FIGURES]
        rows.append(["memory, MiB, the most of a round"] +
                    [report.spread(most_memory(results, block, s)) for s in columns])
        yield report.table(f"{block}: median [least-most]", ["", *columns], rows)
        yield NOTES + "\n"


def most_memory(results, block, system):
    most = {}
    for group in results.groups(NAME, block):
        for number, mib in results.rounds(NAME, block, group, system, "anon_mib").items():
            most[number] = max(mib, most.get(number, 0))
    return Spread.of(most.values())


def goals(results):
    for block in results.blocks(NAME):
        small, *_, large = systems(results, block) * 2
        for group in APPENDS:
            if "UUIDv7" in group:
                yield Goal(block, f"{group}, time an event, large log / small",
                           results.ratio(NAME, block, group, small, large), 1.25, is_least=False)
                yield Goal(block, f"{group}, processor time an event, large log / small",
                           results.ratio(NAME, block, group, large, small, "server_us"), 1.25,
                           is_least=False)
        for title, group, figure in (("clean stop", CLEAN, "ms"), ("clean stop, nothing cached", CLEAN,
                                     "cold_ms"), ("kill -9", KILLED, "ms"), ("power cut", CUT, "cold_ms")):
            yield Goal(large, f"READY after {title}", results.spread(NAME, block, group, large, figure),
                       1000, is_least=False, unit="ms")
        yield Goal(large, "rebuild, thousand events/s",
                   scaled(results.spread(NAME, block, REBUILD, large, "rate"), 1e-3), 500,
                   unit="k/s")
        yield Goal(large, "memory beyond the page cache", most_memory(results, block, large), 256,
                   is_least=False, unit="MiB")
        for system in systems(results, block):
            yield Goal(system, f"{AS_OF}, p99", results.spread(NAME, block, AS_OF, system, "p99_ms"),
                       20, is_least=False, unit="ms")


def charts(results):
    for block in results.blocks(NAME):
        for title, group, figure in FIGURES:
            bars = [(s, got.median) for s in systems(results, block)
                    if (got := results.spread(NAME, block, group, s, figure))]
            if figure not in ("events", "cpu_ms"):
                yield f"size: {title.strip()}", "events/s" if figure == "rate" else "see title", bars

"""The benchmark: triald beside its peers, everything interleaved on one disk.

A part is a module with NAME and
  blocks(bench)   Blocks: `name`, setup(), teardown(), groups() -> (group, {system: visit}); a visit takes
                  no argument and returns {figure: number}
  checks(bench)   lines for the report, made once before the rounds; profiles(bench), after them, by --profile
  tables(results), goals(results), charts(results)   what the report shows of it
A round goes through all blocks once; in each group every system is visited once, in an order that
the seed gives.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

import append  # noqa: E402
import gateway  # noqa: E402
import neighbours  # noqa: E402
import reading  # noqa: E402
import report  # noqa: E402
import size  # noqa: E402
from results import Results  # noqa: E402
from servers import Absent, Echo, Failed, Nats, Postgres, Redis, Triald  # noqa: E402

PARTS = [append, reading, neighbours, gateway, size]
SERVERS = [Triald, Redis, Postgres, Nats, Echo]
ROUNDS_LEAST = 5  # fewer give no figure worth quoting
LOAD_S = 120      # beyond the seconds asked for, until a load generator is given up


class Bench:
    """One run: its settings, its scratch directory, its servers."""

    def __init__(self, options):
        self.options = options
        self.build, self.out = os.path.abspath(options.build), os.path.abspath(options.out)
        self.seconds, self.sizes, self.subjects = options.seconds, options.sizes, options.subjects
        self.quick = options.quick
        os.makedirs(self.out, exist_ok=True)
        self.scratch = tempfile.mkdtemp(prefix="tb", dir=options.dir)
        os.chmod(self.scratch, 0o711)  # PostgreSQL is another user where we are root
        raw = os.path.join(self.out, "raw.jsonl")
        if os.path.exists(raw):
            os.unlink(raw)
        self.results = Results(raw)
        self.servers, self.left_out, self.failures = {}, [], []
        self.checked, self.profiled = [], []

    def say(self, text):
        print(f"{datetime.datetime.now():%H:%M:%S} {text}", flush=True)

    def program(self, name):
        return os.path.join(self.build, "tests", "bench", f"bench_{name}")

    def measure(self, program, *words):
        """Run a program of the benchmark; the line of JSON that it ends with."""
        command = [self.program(program), *map(str, words)]
        run = subprocess.run(command, capture_output=True, text=True, check=False,
                             timeout=self.seconds + LOAD_S)
        if run.returncode != 0:
            raise Failed(f"bench_{program} ended with {run.returncode}: {run.stderr.strip()[-300:]}")
        lines = run.stdout.splitlines()
        return json.loads(lines[-1]) if lines else {}

    def load(self, server, form, subjects, size=200, clients=1, window=1, seconds=None, once=False,
             prefix=None):
        """Drive a server with the load generator."""
        words = ["--endpoint", server.endpoint, "--clients", clients, "--window", window,
                 "--subjects", subjects, "--bytes", size, "--seconds", seconds or self.seconds]
        if form:
            words += ["--form", form, "--state", server.state(form)]
        if prefix:
            words += ["--prefix", prefix]
        before = server.busy_seconds()
        figures = self.measure(server.program, *words, *(["--once"] if once else []))
        if figures.get("events"):
            figures["server_us"] = (server.busy_seconds() - before) * 1e6 / figures["events"]
        return figures

    def is_wanted_system(self, system):
        wanted = self.options.systems
        return not wanted or any(w.lower() in system.lower() for w in wanted)

    def is_wanted(self, *path):
        words = self.options.only
        return not words or any(w in "/".join(path) for w in words)

    def start_servers(self):
        keys = {k for s, (k, _, _) in append.SYSTEMS.items() if self.is_wanted_system(s)}
        for kind in SERVERS:
            server = kind(self)
            if server.key not in keys:
                continue
            try:
                why = server.absent()
                if why:
                    raise Absent(why)
                if kind is not Triald:
                    server.start()
            except Absent as why:
                self.left_out.append(f"{server.name} is left out: {why}")
                self.say(self.left_out[-1])
                server.stop()
                continue
            self.servers[server.key] = server

    def settle(self):
        """What the visit before has left to write is written, so that it is nobody else's."""
        subprocess.run(["sync", "-f", self.scratch], check=False)

    def visit(self, part, block, group, system, function, number):
        self.settle()
        try:
            figures = function()
        except (Failed, subprocess.TimeoutExpired, AssertionError) as why:
            self.fail(f"{part.NAME}, {block}, {group}, {system}: {why}")
            return
        self.results.add({
            "part": part.NAME, "block": block, "group": group, "system": system, "round": number,
            "figures": figures, "load": os.getloadavg()[0],
            "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")})

    def tear_down(self, part, block):
        try:
            block.teardown()
        except (Failed, AssertionError) as why:
            self.fail(f"{part.NAME}, {block.name}: {why}")

    def fail(self, text):
        self.failures.append(text)
        self.say(text)

    def run_block(self, part, block, number, dice):
        begun = datetime.datetime.now()
        wanted = [(g, {s: f for s, f in visits.items() if self.is_wanted_system(s)})
                  for g, visits in block.groups() if self.is_wanted(part.NAME, block.name, g)]
        if not wanted:
            return
        block.setup()
        try:
            for group, visits in wanted:
                order = list(visits)
                dice.shuffle(order)
                for system in order:
                    self.visit(part, block.name, group, system, visits[system], number)
        finally:
            self.tear_down(part, block)
        took = (datetime.datetime.now() - begun).total_seconds()
        self.say(f"round {number} of {self.options.rounds}: {part.NAME}, {block.name}: "
                 f"{took:.0f} s, load {os.getloadavg()[0]:.1f}")

    def run(self):
        dice = random.Random(self.options.seed)
        self.start_servers()
        for part in PARTS:
            if hasattr(part, "checks") and self.is_wanted(part.NAME, "checks"):
                self.checked += part.checks(self)
        for number in range(1, self.options.rounds + 1):
            for part in PARTS:
                for block in part.blocks(self):
                    self.run_block(part, block, number, dice)
        for part in PARTS:
            if self.options.profile and hasattr(part, "profiles"):
                self.profiled += part.profiles(self)

    def close(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # nothing is to be left behind
        for server in self.servers.values():
            try:
                server.stop()
            except AssertionError as why:
                self.failures.append(str(why))
        shutil.rmtree(self.scratch, ignore_errors=True)


def file_system(path):
    run = subprocess.run(["findmnt", "-n", "-o", "FSTYPE,SOURCE", "-T", path], capture_output=True,
                         text=True, check=False)
    return " ".join(run.stdout.split()) or "an unknown file system"


def versions():
    names = ["redis-server", "nats-server", "postgresql", "liblmdb0", "libzmq5"]
    run = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *names],
                         capture_output=True, text=True, check=False)
    return ", ".join(run.stdout.split("\n")[:-1])


def machine(options, results):
    loads = sorted(row["load"] for row in results.rows) or [0]
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":")[1].strip()
                break
    return [
        f"{options.rounds} rounds, {options.seconds} s a visit, seed {options.seed}; every system once "
        "a round, in an order of chance",
        f"{os.cpu_count()} processors ({model}), Linux {platform.release()}, {file_system(options.dir)}",
        f"load average {loads[0]:.1f} to {loads[-1]:.1f}, median {loads[len(loads) // 2]:.1f}",
        versions()]


def write_report(options, results, before=(), after=(), scratch="/tmp"):
    """The report as text, to be printed and kept; the plots beside it."""
    charts = [c for part in PARTS for c in part.charts(results)]
    goals = [g for part in PARTS for g in part.goals(results)]
    pieces = ["triald beside its peers\n", "\n".join(machine(options, results)) + "\n"]
    if options.rounds < ROUNDS_LEAST:
        pieces.append(f"Fewer than {ROUNDS_LEAST} rounds: this shows that it runs and gives no figure worth "
                      "quoting.\n")
    pieces += [line for line in ["\n".join(before) + "\n"] if line.strip()]
    pieces += [t for part in PARTS for t in part.tables(results)]
    pieces.append(report.goals_table(goals))
    pieces += [line for line in ["\n".join(after) + "\n"] if line.strip()]
    plot = report.text_plot(charts)
    why = report.png_plot(charts, os.path.join(options.out, "plot.png"), scratch)
    pieces += [why] if why else []
    for name, text in (("report.txt", "\n".join(pieces)), ("plot.txt", plot)):
        with open(os.path.join(options.out, name), "w", encoding="utf-8") as file:
            file.write(text)
    met = sum(g.is_met() for g in goals)
    return "\n".join(pieces) + f"\n{met} of {len(goals)} goals met\n"


def parse(words):
    parser = argparse.ArgumentParser(
        prog="sh tests/bench/run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure triald beside LMDB, fdatasync and ZeroMQ alone, Redis Streams, NATS "
        "JetStream and\nPostgreSQL: everything interleaved, on one disk.")
    parser.add_argument("--quick", action="store_true",
                        help="show that everything runs, in a minute; its figures mean nothing")
    parser.add_argument("--rounds", type=int, help="how often everything is visited (5)")
    parser.add_argument("--seconds", type=float, help="of each visit (1.5)")
    parser.add_argument("--sizes", type=int, nargs="+", help="bytes of an event's payload (200 1024)")
    parser.add_argument("--subjects", type=int, nargs="+", help="busy subjects (1000 100000)")
    parser.add_argument("--log-sizes", type=int, nargs="+",
                        help="events in the logs of the part `size` (1000000 10000000 50000000; the "
                        "last takes 50 GB and a quarter of an hour)")
    parser.add_argument("--only", nargs="+", metavar="CASE",
                        help="only what has one of these words in its name, which is PART/BLOCK/GROUP: "
                        "append, '1 x 256', '100,000 subjects'")
    parser.add_argument("--systems", nargs="+", metavar="NAME",
                        help="only systems with one of these words in their name: triald redis")
    parser.add_argument("--profile", action="store_true",
                        help="also say by perf where triald's processor time goes")
    parser.add_argument("--seed", type=int, help="of the order of visits")
    parser.add_argument("--dir", default="/var/tmp",
                        help="where the scratch directory is made: the disk that is measured (/var/tmp)")
    parser.add_argument("--out", help="where raw lines, report and plots go (beside the build)")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--report", metavar="RAW", help="measure nothing: report on these raw lines")
    options = parser.parse_args(words)
    quick = options.quick
    options.rounds = options.rounds or (1 if quick else 5)
    options.seconds = options.seconds or (0.1 if quick else 1.5)
    options.sizes = options.sizes or ([200] if quick else [200, 1024])
    options.subjects = options.subjects or ([100] if quick else [1000, 100000])
    options.log_sizes = sorted(options.log_sizes or (
        [5000, 10000] if quick else [1000000, 10000000, 50000000]))
    options.out = os.path.abspath(options.out or options.build.rstrip("/") + "-results")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def stop_on(number, frame):
    raise KeyboardInterrupt


def main():
    options = parse(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop_on)
    if options.report:
        results = Results.read(options.report)
        options.rounds = max((row["round"] for row in results.rows), default=0)
        os.makedirs(options.out, exist_ok=True)
        print(write_report(options, results))
        return 0
    bench = Bench(options)
    try:
        bench.run()
        text = write_report(options, bench.results, bench.checked + bench.left_out, bench.profiled,
                            bench.scratch)
    except KeyboardInterrupt:
        bench.say("stopped; nothing is left running")
        return 130
    finally:
        bench.close()
    print(text)
    print(f"results: {bench.out}: report.txt, raw.jsonl, plot.txt, plot.png")
    for failure in bench.failures:
        print(f"failed: {failure}")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())

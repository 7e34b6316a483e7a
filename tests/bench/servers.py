"""The servers of a run: each in the scratch directory, on a private socket or port, ended by its own
pid. Whoever's package is absent says so in `absent()`."""
import array
import ctypes
import glob
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "system"), str(HERE.parent / "support")]

import harness  # noqa: E402
from small_world import GOVERNMENT, MINISTRY, NETWORK, World  # noqa: E402

READY_S = 60
STOP_S = 30
PREPARED_EVENTS = 6  # of a trial that runs; even, so that the next event is a suspension
CHUNK = 20000        # trials written at once


class Absent(Exception):
    """A peer cannot be measured here; the text says why."""


class Failed(Exception):
    """A program of the benchmark failed; the text says how."""


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def stat_of(pid):
    """What /proc tells of a process behind its name; None where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as text:
            return text.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def busy_seconds(pid):
    """Processor time of a process and of its children, the ended ones too."""
    ticks = 0
    for other in filter(str.isdigit, os.listdir("/proc")):
        stat = stat_of(other)
        if stat and int(other) == pid:
            ticks += sum(map(int, stat[11:15]))
        elif stat and int(stat[1]) == pid:
            ticks += sum(map(int, stat[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


class Process:
    """A server that says on stdout or stderr when it is ready."""

    def __init__(self, words, ready, log, user=None, environment=None, stop=signal.SIGTERM):
        self.log, self.ready, self.stop_signal = log, ready, stop
        self.is_ready, self.said = threading.Event(), []
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            user=user, env=environment, start_new_session=True, preexec_fn=die_with_parent,
            cwd="/")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if not self.is_ready.wait(READY_S) or self.process.poll() is not None:
            self.stop()
            raise Absent(f"{words[0]} did not start: {''.join(self.said[-4:]).strip()}")

    def read(self):
        with open(self.log, "w", encoding="utf-8") as log:
            for line in self.process.stdout:
                text = line.decode("utf-8", "replace")
                self.said = self.said[-60:] + [text]
                log.write(text)
                log.flush()
                if self.ready in text:
                    self.is_ready.set()
        self.is_ready.set()  # it has ended; whoever waits must look

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(STOP_S)


class Server:
    """What all have: a name, a directory, and a process while it runs."""
    name = ""
    program = None  # of the load generator
    log_files = ""  # what the paths of the files have in common that are flushed for each append
    key = ""        # what --systems calls it

    def __init__(self, bench):
        self.bench, self.process = bench, None
        self.directory = os.path.join(bench.scratch, self.name)
        os.makedirs(self.directory, exist_ok=True)

    def absent(self):
        """Why it cannot be measured here, or None."""
        if self.program and not os.path.exists(self.bench.program(self.program)):
            return f"bench_{self.program} was not built: its library is not installed"
        return None

    @property
    def pid(self):
        return self.process.pid

    def busy_seconds(self):
        """Processor time of the server and its children so far."""
        return busy_seconds(self.pid)

    def check(self):
        """Raise Failed where the server does not hold what it acknowledged."""

    def stop(self):
        if self.process is not None:
            self.process.stop()
            self.process = None

    def state(self, form):
        """Where the load generator keeps the revisions of a form's subjects."""
        return os.path.join(self.directory, f"revisions-{form}")

    def forget_revisions(self):
        for path in glob.glob(os.path.join(self.directory, "revisions-*")):
            os.unlink(path)


class Echo(Server):
    name, program, key = "zmq", "limit_zmq", "zeromq"

    def start(self):
        self.endpoint = f"ipc://{self.directory}/s"
        self.process = Process([self.bench.program("limit_zmq"), "--echo", self.endpoint], "ready",
                               os.path.join(self.directory, "log"))

    def reset(self, subjects, size):
        """It keeps nothing."""


class Redis(Server):
    name, program, key = "redis", "peer_redis", "redis"
    log_files = "appendonlydir/"

    def absent(self):
        if not shutil.which("redis-server"):
            return "redis-server is not installed"
        return super().absent()

    def start(self):
        self.endpoint = os.path.join(self.directory, "s")
        self.process = Process(
            ["redis-server", "--port", "0", "--unixsocket", self.endpoint, "--dir", self.directory,
             "--save", "", "--appendonly", "yes", "--appendfsync", "always",
             "--auto-aof-rewrite-percentage", "0"],
            "ready to accept connections", os.path.join(self.directory, "log"))

    def reset(self, subjects, size):
        """Empty, then one event in each stream: streams in use are what appends go to."""
        self.stop()
        shutil.rmtree(os.path.join(self.directory, "appendonlydir"), ignore_errors=True)
        self.forget_revisions()
        self.start()
        self.bench.load(self, "same-work", subjects=subjects, size=size, window=256, once=True)


class Nats(Server):
    name, program, key = "nats", "peer_nats", "nats"
    log_files = "/msgs/"

    def absent(self):
        if not shutil.which("nats-server"):
            return "nats-server is not installed"
        return super().absent()

    def start(self):
        self.process = Process(["nats-server", "-a", "127.0.0.1", "-p", "-1", "-js", "-sd",
                                os.path.join(self.directory, "data")],
                               "Server is ready", os.path.join(self.directory, "log"))
        said = re.search(r"client connections on (127\.0\.0\.1:\d+)", "".join(self.process.said))
        if not said:
            raise Absent("nats-server does not say on which port it listens")
        self.endpoint = f"nats://{said[1]}"

    def reset(self, subjects, size):
        """Its one stream, empty."""
        self.bench.load(self, "empty", subjects=1)


class Postgres(Server):
    name, program, key = "postgres", "peer_postgres", "postgres"
    log_files = "pg_wal/"

    def __init__(self, bench):
        super().__init__(bench)
        self.user = "postgres" if os.geteuid() == 0 else None
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        self.binaries = os.path.dirname(found[-1]) if found else None
        self.data = os.path.join(self.directory, "data")
        self.endpoint = f"host={self.directory} port=5432 user=postgres dbname=postgres"

    def absent(self):
        if not self.binaries:
            return "postgresql is not installed"
        return super().absent()

    def start(self):
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(self.directory, entry.pw_uid, entry.pw_gid)
        if not os.path.exists(self.data):
            made = subprocess.run([os.path.join(self.binaries, "initdb"), "-D", self.data, "-U",
                                   "postgres", "-E", "UTF8", "--no-locale", "-A", "trust"],
                                  user=self.user, cwd="/", capture_output=True, text=True,
                                  check=False)
            if made.returncode != 0:
                raise Absent(f"initdb failed: {made.stderr.strip()[-300:]}")
        settings = {"listen_addresses": "", "unix_socket_directories": self.directory,
                    "shared_buffers": "1GB", "max_wal_size": "6GB", "checkpoint_timeout": "30min",
                    "autovacuum": "off"}
        words = [os.path.join(self.binaries, "postgres"), "-D", self.data]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        self.process = Process(words, "ready to accept connections",
                               os.path.join(self.directory, "log"), user=self.user,
                               stop=signal.SIGINT)

    def state(self, form):
        """All forms write to the same streams."""
        return super().state("all")

    def make_table(self):
        self.say((HERE / "postgres.sql").read_text(encoding="utf-8"))

    def say(self, sql):
        run = subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.endpoint],
                             input=sql, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise Failed(f"psql: {run.stderr.strip()[-300:]}")

    def reset(self, subjects, size):
        """Empty, then one event in each stream."""
        self.forget_revisions()
        self.make_table()
        self.bench.load(self, "window", subjects=subjects, size=size, window=256, once=True)
        self.say("ANALYZE event;\nCHECKPOINT;\n")


class Corner:
    """A directory whose paths are short enough for a socket, as the system tests want one."""

    def __init__(self, path):
        self.path = path

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def remove(self):
        """The run removes it with all the rest."""


def foundation(world):
    """What must be there before the first trial, in a programme without an end."""
    events = world.foundation()
    for event in events:
        if event["type"] == "programme.opened":
            event["data"]["periodTo"] = "2099-12-31"
    return events


def trial_lines(world, number, count):
    """The legal history of trials that run, as JSON Lines: application, screening, endorsement,
    approval, charter, start."""
    mark = "@@@@@@"
    subject = f"trial/{world.programme}-{mark}"
    grant = {"exemptionId": f"{world.programme}-x{mark}", "act": "Lov", "ministry": "Indenrig",
             "effect": "exempt", "validFrom": "2017-04-01", "validTo": "2099-12-31"}
    about = [
        ("application.submitted", "2016-05-01", NETWORK,
         {"programme": world.programme, "title": "Forsøg", "network": f"{world.programme}-net",
          "round": 1, "participants": ["0101"], "route": "new-act",
          "requestedExemptions": [{"act": "Lov", "ministry": "Indenrig"}]}),
        ("application.screened", "2016-10-01", MINISTRY,
         {"ministry": "Indenrig", "result": "pass",
          "checks": dict.fromkeys(["constitution", "euLaw", "economicAdvantage", "legalSecurity"],
                                  "pass")}),
        ("application.endorsed", "2017-02-01", GOVERNMENT, {"decidedBy": "Regeringen"}),
        ("trial.approved", "2017-03-01", MINISTRY,
         {"ministry": "Indenrig", "legalBasis": {"form": "order", "title": "Bekendtgørelse"},
          "exemptions": [grant], "participants": ["0101"]}),
        ("trial.charter-published", "2017-04-01", "/dk/kommune/0101", {"municipality": "0101"}),
        ("trial.started", "2017-05-01", NETWORK,
         {"startedOn": "2017-05-01", "participants": ["0101"]}),
    ]
    assert len(about) == PREPARED_EVENTS
    block = "".join(
        json.dumps({"id": f"{kind}-{mark}", "source": source, "type": kind, "subject": subject,
                    "time": f"{day}T08:00:00Z", "data": data}, ensure_ascii=False) + "\n"
        for kind, day, source, data in about)
    return "".join(block.replace(mark, f"{n:06}") for n in range(number, number + count))


class Triald(Server):
    name, program, key = "triald", "peer_triald", "triald"
    log_files = "/journal"

    def __init__(self, bench):
        super().__init__(bench)
        self.store = os.path.join(self.directory, "store")
        self.endpoint = f"ipc://{self.directory}/s"
        self.daemon = None
        os.environ["TRIALD"] = os.path.join(bench.build, "triald")
        os.environ["TRIALCTL"] = os.path.join(bench.build, "trialctl")

    @property
    def pid(self):
        return self.daemon.process.pid

    def start(self, store=None, arguments=()):
        """Start on a store; the endpoint stays the same."""
        self.daemon = harness.Daemon(Corner(self.directory), store or self.store, arguments,
                                     wrapper=["setpriv", "--pdeathsig", "KILL"])
        self.daemon.start()

    def stop(self):
        if self.daemon is not None and self.daemon.process is not None:
            daemon, self.daemon = self.daemon, None
            try:
                daemon.stop()
            finally:
                daemon.close()

    def prepared(self, subjects):
        """A store with that many running trials, made once a run."""
        store = os.path.join(self.directory, f"prepared-{subjects}")
        if os.path.exists(store):
            return store
        self.bench.say(f"preparing a log of {subjects:,} running trials")
        world = World("w1")
        beginning = foundation(world)
        self.start(store)
        try:
            self.daemon.import_events(beginning)
            for first in range(0, subjects, CHUNK):
                lines = trial_lines(world, first, min(CHUNK, subjects - first))
                made = self.daemon.ctl("import", "-", "--json", stdin=lines)
                if '"rejected":0' not in made.out.replace(" ", ""):
                    raise Failed(f"the prepared history was refused: {made.out[-300:]}")
        finally:
            self.stop()
        return store

    def reset(self, subjects, size):
        """A fresh copy of the prepared store, and the daemon on it."""
        self.stop()
        self.forget_revisions()
        shutil.rmtree(self.store, ignore_errors=True)
        prepared = self.prepared(subjects)
        subprocess.run(["cp", "-a", "--reflink=auto", prepared, self.store], check=True)
        with open(self.state("trial"), "wb") as state:
            state.write(PREPARED_EVENTS.to_bytes(8, "little") * subjects)
        self.start()

    def count_acknowledged(self):
        """Events that this store's publishers know of: what was prepared and what was acknowledged."""
        known = len(foundation(World("w1")))
        for path in glob.glob(os.path.join(self.directory, "revisions-*")):
            revisions = array.array("Q")
            with open(path, "rb") as state:
                revisions.frombytes(state.read())
            known += sum(revisions)
        return known

    def check(self):
        """The log holds what was acknowledged, no more and no less."""
        head, known = self.daemon.ask("status")["head"], self.count_acknowledged()
        if head != known:
            raise Failed(f"triald acknowledged {known} events and its log has {head}")

"""What every system test stands on: the real triald on a scratch directory, trialctl, and a
stranger's client.

Nothing here knows more of the programs than their contract says. Nothing sleeps: every wait is for
a message, a reply or the end of a process, and every wait is bounded. A process is ended by its
own pid only.
"""
import json
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import msgpack
import zmq

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
DATA = TESTS / "data" / "programme-2016-2020.ndjson"
WAIT_S = 120  # of any one wait: long, because a sanitizer on a busy machine is slow
STOP_S = 10   # from SIGTERM to the end
ERROR_CODES = (
    "malformed invalid unknown-type refused conflict duplicate-conflict not-found too-large "
               "unauthorised unsupported storage no-space busy").split()
VIEWS = ("programme funnel network municipality trial exemption evaluation outcome law deadline "
         "figure refusal duration finding").split()  # that a programme fills
ALL_VIEWS = VIEWS + ["right"]
ADDED = ("position", "revision", "ingesttime")  # what the daemon adds to an event on reading

sys.path.insert(0, str(TESTS / "support"))


def program(variable, name):
    """The path of a program: from the environment, else from the build directory named by
    TRIAL_BUILD."""
    path = os.environ.get(variable) or os.path.join(os.environ.get("TRIAL_BUILD", "build"), name)
    if not os.access(path, os.X_OK):
        sys.exit(f"{name} is not at '{path}': set {variable}, or --build DIRECTORY")
    return os.path.abspath(path)


def is_plain(path):
    """Was the program built without a sanitizer, so that its memory is its own?"""
    with open(path, "rb") as file:
        content = file.read()
    return b"__asan_init" not in content and b"__tsan_init" not in content


def seed():
    """A seed for what is random in a test; printed, and repeated by TRIAL_SEED."""
    value = int(os.environ.get("TRIAL_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed: TRIAL_SEED={value}", flush=True)
    return value


def load(path=DATA):
    """The events of a file, in its order."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def bare(event):
    """An event as it was sent: without what the daemon adds and without what it fills in."""
    return {k: v for k, v in event.items() if k not in ADDED and k != "specversion"}


class StartFailed(AssertionError):
    """triald ended before it was ready."""

    def __init__(self, status, stderr):
        super().__init__(f"triald ended with status {status} before READY: {stderr}")
        self.status = status
        self.stderr = stderr


class Result:
    """What one run of a program left: its status, stdout and stderr."""

    def __init__(self, arguments, status, out, err):
        self.arguments, self.status, self.out, self.err = arguments, status, out, err

    def json(self):
        """The one JSON document on stdout."""
        try:
            return json.loads(self.out)
        except ValueError as fault:
            raise AssertionError(f"{self}: stdout is not one JSON document: {fault}") from None

    def lines(self):
        """The JSON Lines on stdout."""
        try:
            return [json.loads(line) for line in self.out.splitlines()]
        except ValueError as fault:
            raise AssertionError(f"{self}: stdout is not JSON Lines: {fault}") from None

    def __str__(self):
        return (f"{self.arguments} status {self.status}\n"
                f"stdout: {self.out[:600]}\nstderr: {self.err[:600]}")


def clean_environment(extra=None):
    """The environment without any setting of ours, plus `extra`."""
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith(("TRIALD_", "TRIALBOARD_"))}
    for name in ("STATE_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS",
                 "LISTEN_FDNAMES", "LISTEN_PID"):
        environment.pop(name, None)
    environment.update(extra or {})
    return environment


class Notifications:
    """The receiving end of sd_notify: a datagram socket that keeps what it was told."""

    def __init__(self, path):
        self.path = path
        self.messages = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
                                    | socket.SOCK_CLOEXEC)
        self.socket.bind(path)

    def drain(self):
        while True:
            try:
                self.messages += self.socket.recv(65536).decode("utf-8").splitlines()
            except BlockingIOError:
                return self.messages

    def wait_for(self, prefix, pidfd, wait_s=WAIT_S):
        """True when a line with that prefix came; False when the process ended or the time was
        up."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        while not any(m.startswith(prefix) for m in self.drain()):
            ready = dict(poll.poll(wait_s * 1000))
            if not ready or (pidfd in ready and self.socket.fileno() not in ready):
                return any(m.startswith(prefix) for m in self.drain())
        return True

    def close(self):
        self.socket.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


class Scratch:
    """A directory of its own with a short path: the path of a unix socket ends at 107 bytes."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="td", dir="/tmp")

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


# What systemd does: descriptors from 3 on, their names, and whose they are.
PASS_ON = """
import fcntl, os, sys
names, fds, command = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
aside = [fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, 100) for fd in fds]
for number, fd in enumerate(aside, 3):
    os.dup2(fd, number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execvp(command[0], command)
"""


class Daemon:
    """One triald: start() returns when it is ready, stop() when it has left."""

    def __init__(self, scratch=None, store=None, arguments=(), environment=None, wrapper=()):
        self.owns_scratch = scratch is None
        self.scratch = scratch or Scratch()
        self.store = store or self.scratch / "store"
        self.endpoint = "ipc://" + self.scratch / "s"
        self.feed = "ipc://" + self.scratch / "f"
        self.arguments, self.environment, self.wrapper = list(arguments), environment or {}, list(
            wrapper)
        self.process = self.notifications = None
        self.pidfd = -1
        self.starts = 0
        self.stderr_path = None
        self.stderr_to = None  # a descriptor in place of a file
        self.passed = []       # (name, listening socket), as a service manager passes them

    def command(self):
        return self.wrapper + [program("TRIALD", "triald"), "--store", self.store, "--listen",
                               self.endpoint,
                               "--feed", self.feed] + self.arguments

    def passing(self):
        """What stands in front of the command, so that it finds the sockets where it looks."""
        if not self.passed:
            return []
        return [sys.executable, "-c", PASS_ON, ":".join(name for name, _ in self.passed),
                ",".join(str(s.fileno()) for _, s in self.passed)]

    def spawn(self):
        """Start the process and wait for nothing."""
        self.starts += 1
        self.notifications = Notifications(self.scratch / f"n{self.starts}")
        self.stderr_path = self.scratch / f"stderr{self.starts}"
        environment = clean_environment({"NOTIFY_SOCKET": self.notifications.path,
                                         **self.environment})
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(self.passing() + self.command(),
                                            stdin=subprocess.DEVNULL,
                                            pass_fds=[s.fileno() for _, s in self.passed],
                                            stdout=subprocess.DEVNULL,
                                            stderr=stderr if self.stderr_to is None
                                            else self.stderr_to, env=environment)
        self.pidfd = os.pidfd_open(self.process.pid)
        return self

    def start(self):
        self.spawn()
        if not self.notifications.wait_for("READY=1", self.pidfd):
            if self.process.poll() is None:
                self.kill()
                raise AssertionError(f"triald was not ready in {WAIT_S} s: {self.stderr()}")
            status = self.process.returncode
            self.forget()
            raise StartFailed(status, self.stderr())
        return self

    def anonymous_kib(self):
        """Its memory, without what maps files."""
        return self.memory_kib("RssAnon")

    def memory_kib(self, name):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(name))

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as text:
            return text.read()

    def stop(self, expected=0, number=signal.SIGTERM):
        """End it in the polite way; it must leave within STOP_S with the expected status."""
        self.process.send_signal(number)
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"triald had not left {STOP_S} s after SIGTERM: {self.stderr()}") from None
        self.notifications.drain()
        self.forget()
        if status != expected:
            raise AssertionError(f"triald left with {status}, not {expected}: {self.stderr()}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(WAIT_S)
        self.forget()

    def forget(self):
        self.process.wait(WAIT_S)
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        self.notifications.close()
        self.process = None

    def close(self):
        """End it whatever its state, and remove what it left."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.forget()
        if self.owns_scratch:
            self.scratch.remove()

    def __enter__(self):
        return self if self.process is not None else self.start()

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and self.process is not None:
                self.stop()
        finally:
            self.close()

    def ctl(self, *arguments, status=0, stdin=None, environment=None, timeout="100s"):
        """Run trialctl against this daemon and hold its exit status against `status` (None:
        any)."""
        return ctl(*arguments, status=status, stdin=stdin, timeout=timeout,
                   environment={"TRIALD_ENDPOINT": self.endpoint, "TRIALD_FEED": self.feed,
                                **(environment or {})})

    def ask(self, *arguments, **options):
        """The JSON document that trialctl answers with."""
        return self.ctl(*arguments, "--json", **options).json()

    def log(self, *arguments, **options):
        """The events that `trialctl log` answers with."""
        return self.ctl("log", *arguments, "--json", **options).lines()

    def import_events(self, events, status=0, arguments=()):
        """Import events through stdin; the summary."""
        text = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in events)
        return summary(self.ctl("import", "-", "--json", *arguments, stdin=text, status=status))

    def import_file(self, path=DATA, status=0):
        return summary(self.ctl("import", str(path), "--json", status=status))

    def peer(self, kind=zmq.DEALER):
        return Peer(self.endpoint, kind)


def ctl(*arguments, status=0, stdin=None, environment=None, timeout="100s"):
    """Run trialctl with nothing but the given environment."""
    arguments = [str(a) for a in arguments]
    command = [program("TRIALCTL", "trialctl")] + arguments
    if timeout and "--timeout" not in arguments and not any(a.startswith("--timeout=")
                                                            for a in arguments):
        command += ["--timeout", timeout]
    run = subprocess.run(command, input=stdin if stdin is None or isinstance(stdin, bytes)
                         else stdin.encode("utf-8"),
                         stdin=subprocess.DEVNULL if stdin is None else None,
                         stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=clean_environment(environment),
                         timeout=2 * WAIT_S, check=False)
    result = Result(arguments, run.returncode, run.stdout.decode("utf-8"),
                    run.stderr.decode("utf-8", "replace"))
    if "\x1b" in result.out + result.err:
        raise AssertionError(f"colour or a progress bar where there is no terminal: {result}")
    if status is not None and result.status != status:
        raise AssertionError(f"trialctl ended with {result.status}, not {status}: {result}")
    return result


def run(path, *arguments, status=None, environment=None):
    """Run a program to its end with nothing but these flags and variables, and hold its exit status
    against `status` (None: any)."""
    done = subprocess.run([path, *map(str, arguments)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=clean_environment(environment), timeout=2 * WAIT_S, check=False)
    name = os.path.basename(path)
    result = Result([name, *arguments], done.returncode, done.stdout.decode("utf-8"),
                    done.stderr.decode("utf-8", "replace"))
    if status is not None and result.status != status:
        raise AssertionError(f"{name} ended with {result.status}, not {status}: {result}")
    return result


def triald(*arguments, status=0):
    """Run triald to its end with nothing but these flags."""
    return run(program("TRIALD", "triald"), *arguments, status=status)


def summary(result):
    """The summary that import ends with: the last line of stdout."""
    lines = result.out.strip().splitlines()
    if not lines:
        raise AssertionError(f"import said nothing: {result}")
    return json.loads(lines[-1])


class WireError(Exception):
    """An error that the daemon answered with."""

    def __init__(self, error):
        super().__init__(f"{error.get('code')}: {error.get('message')} {error.get('detail')}")
        self.error = error
        self.code, self.message, self.detail = error["code"], error["message"], error["detail"]


class Peer:
    """A client that knows nothing but the protocol: MessagePack-RPC over a DEALER or a REQ."""

    context = zmq.Context.instance()

    def __init__(self, endpoint, kind=zmq.DEALER, receive_limit=None):
        self.socket = self.context.socket(kind)
        self.socket.linger = 0
        self.socket.rcvtimeo = self.socket.sndtimeo = WAIT_S * 1000
        if receive_limit:
            self.socket.rcvhwm = receive_limit
        self.msgid = 0
        self.replies, self.notes = {}, []
        self.connect(endpoint)

    def connect(self, endpoint):
        self.socket.connect(endpoint)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_raw(self, frame):
        self.socket.send(frame)

    def receive(self):
        """One message of the daemon, checked for the shape that the protocol gives it."""
        message = msgpack.unpackb(self.socket.recv(), raw=False, strict_map_key=False)
        assert isinstance(message, list) and message[0] in (1, 2), message
        if message[0] == 1:
            assert len(message) == 4 and (message[2] is None) != (message[3] is None), message
            if message[2] is not None:
                assert set(message[2]) == {"code", "message", "detail"}, message[2]
                assert message[2]["code"] in ERROR_CODES and isinstance(message[2]["detail"],
                                                                        dict), message[2]
                assert message[2]["message"], message[2]
        else:
            assert len(message) == 3 and isinstance(message[2],
                                                    list) and len(message[2]) == 1, message
        return message

    def send(self, method, params=None, msgid=None):
        """Send a request and wait for nothing; its msgid."""
        if msgid is None:
            self.msgid += 1
            msgid = self.msgid
        self.send_raw(msgpack.packb([0, msgid, method, [{} if params is None else params]],
                                    use_bin_type=True))
        return msgid

    def result(self, msgid):
        """The result of a request that was sent, or the WireError it was answered with."""
        while msgid not in self.replies:
            self.take(self.receive())
        error, result = self.replies.pop(msgid)
        if error is not None:
            raise WireError(error)
        return result

    def take(self, message):
        if message[0] == 1:
            assert message[1] not in self.replies, f"two answers to msgid {message[1]}"
            self.replies[message[1]] = (message[2], message[3])
        else:
            self.notes.append((message[1], message[2][0]))

    def call(self, method, **params):
        return self.result(self.send(method, params))

    def notify(self, method, **params):
        self.send_raw(msgpack.packb([2, method, [params]], use_bin_type=True))

    def note(self, *methods):
        """The next notification of one of these methods; others before it are dropped."""
        while True:
            while self.notes:
                method, params = self.notes.pop(0)
                if not methods or method in methods:
                    return method, params
            self.take(self.receive())

    def append(self, events, **params):
        return self.call("append", events=events if isinstance(events, list) else [events],
                         **params)

    def fails(self, method, **params):
        """The error that a request is answered with; a result is a failure of the test."""
        try:
            result = self.call(method, **params)
        except WireError as error:
            return error
        raise AssertionError(f"{method} {str(params)[:300]} was not refused: {str(result)[:300]}")

    def read_all(self, **params):
        """The whole log, page by page."""
        events, start = [], params.pop("from", 1)
        while start:
            page = self.call("read", **{"from": start, **params})
            events += page["events"]
            start = page["next"]
        return events

    def query_all(self, view, **params):
        """All rows of a view, page by page."""
        rows, after = [], None
        while True:
            page = self.call("query", view=view, **({"after": after} if after is not None else {}),
                             **params)
            rows += page["rows"]
            after = page["next"]
            if after is None:
                return rows


class DaemonCase(unittest.TestCase):
    """Each test has a fresh daemon on an empty store: self.daemon, and self.peer that talks to
    it."""

    maxDiff = 4000
    arguments = ()

    def setUp(self):
        self.daemon = Daemon(arguments=self.arguments).start()
        self.addCleanup(self.daemon.close)
        self.peer = self.daemon.peer()
        self.addCleanup(self.peer.close)

    def tearDown(self):
        if self.daemon.process is not None:
            self.peer.close()
            self.daemon.stop()


class ImportedCase(unittest.TestCase):
    """All tests of the class share one daemon that holds the whole programme, and do not write to
    it."""

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.events = load()
        cls.daemon = Daemon().start()
        cls.addClassCleanup(cls.daemon.close)
        got = cls.daemon.import_file()
        expected = {"read": 1866, "appended": 1866, "duplicates": 0, "rejected": 0}
        if got != expected:
            raise AssertionError(f"the import ended with {got}, not {expected}")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()


def main():
    """unittest, after an optional --build DIRECTORY."""
    if "--build" in sys.argv:
        at = sys.argv.index("--build")
        os.environ["TRIAL_BUILD"] = sys.argv[at + 1]
        del sys.argv[at:at + 2]
    unittest.main(verbosity=2)

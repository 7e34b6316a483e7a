"""trialboard under test: the real gateway beside a daemon, and a browser's two ways to speak to it:
one request over one connection, and a stream of events read as it comes."""
import http.client
import json
import os
import signal
import socket
import subprocess

import harness


class Answer:
    """What one request was answered with."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.headers} {self.body[:400]}"


class Board:
    """One trialboard: start() returns when it listens, stop() when it has left."""

    def __init__(self, daemon, arguments=(), environment=None, pages=None, wrapper=()):
        self.daemon, self.arguments, self.wrapper = daemon, list(arguments), list(wrapper)
        self.environment = environment or {}
        self.pages = pages or daemon.scratch / "no-pages"
        self.process = self.notifications = None
        self.pidfd = -1
        self.starts = 0
        self.port = 0

    def command(self):
        return self.wrapper + [harness.program("TRIALBOARD", "trialboard"), "--listen",
                               f"127.0.0.1:{self.port}", "--endpoint", self.daemon.endpoint,
                               "--pages", self.pages] + self.arguments

    def start(self):
        """Start it; again on the port it had before."""
        self.starts += 1
        self.notifications = harness.Notifications(self.daemon.scratch / f"bn{self.starts}")
        self.stderr_path = self.daemon.scratch / f"board-stderr{self.starts}"
        environment = harness.clean_environment({"NOTIFY_SOCKET": self.notifications.path,
                                                 **self.environment})
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stderr=stderr,
                                            stdout=subprocess.PIPE, env=environment)
        self.pidfd = os.pidfd_open(self.process.pid)
        if not self.notifications.wait_for("READY=1", self.pidfd):
            self.process.kill()
            self.process.wait(harness.WAIT_S)
            raise AssertionError(f"trialboard was not ready: {self.stderr()}")
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening on http://127.0.0.1:"), line
        self.port = int(line.strip().rstrip("/").rsplit(":", 1)[1])
        return self

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as text:
            return text.read()

    def forget(self):
        self.process.stdout.close()
        self.process = None
        os.close(self.pidfd)
        self.notifications.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(harness.STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("trialboard had not left after SIGTERM") from None
        said = self.stderr()
        self.forget()
        assert status == 0, f"trialboard left with {status}: {said}"

    def kill(self):
        self.process.kill()
        self.process.wait(harness.WAIT_S)
        self.forget()

    def close(self):
        if self.process is not None:
            self.kill()

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.WAIT_S)

    def ask(self, target, method="GET", headers=None, connection=None):
        """One request, over a connection of its own unless one is given."""
        own = connection or self.connection()
        try:
            own.request(method, target, headers=headers or {})
            answer = own.getresponse()
            headers = dict(answer.getheaders())
            has_end = method == "HEAD" or "event-stream" not in headers.get("Content-Type", "")
            return Answer(answer.status, headers, answer.read() if has_end else None)
        finally:
            if connection is None:
                own.close()

    def json(self, target, status=200, **options):
        answer = self.ask(target, **options)
        assert answer.status == status, f"{target}: {answer}"
        assert answer.headers["Content-Type"] == "application/json", answer
        return answer.json()

    def rows(self, target):
        return self.json(target)["rows"]

    def raw(self, sent, is_done=lambda got: False):
        """Send bytes as they are, and no more after them; what is answered until the gateway closes,
        or until enough has come."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=harness.WAIT_S) as peer:
            try:
                peer.sendall(sent)
                peer.shutdown(socket.SHUT_WR)
                while not is_done(got) and (piece := peer.recv(65536)):
                    got += piece
            except TimeoutError:
                raise
            except OSError:
                pass  # it was cut before all was sent
        return got

    def stream(self, query="", headers=None):
        return Stream(self, "/api/v1/events" + query, headers)


def is_whole(got):
    """Is it one answer with all of its body?"""
    head, end, body = got.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n")
               if line.startswith(b"content-length:")]
    return bool(end) and len(lengths) == 1 and len(body) >= int(lengths[0])


class Stream:
    """An open event stream; a message is (id, event, data)."""

    def __init__(self, board, target, headers=None):
        self.connection = board.connection()
        self.connection.request("GET", target, headers=headers or {})
        self.answer = self.connection.getresponse()
        self.last = None  # the id that a browser would send when it comes back
        self.retry = None
        self.lines, self.rest = [], b""

    def line(self):
        """The next line without its end; None at the end of the stream. The chunks are taken apart
        here: the library's way is slow."""
        while not self.lines:
            size = int(self.answer.fp.readline() or b"0", 16)
            if size == 0:
                return None
            *self.lines, self.rest = (self.rest + self.answer.fp.read(size)).split(b"\n")
            self.answer.fp.readline()
        return self.lines.pop(0).decode()

    def message(self):
        """The next message; None at the end of the stream."""
        identity, event, data = None, "message", []
        while True:
            line = self.line()
            if line is None:
                return None
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if line == "" and data:
                return identity, event, json.loads("\n".join(data))
            if name == "id":
                self.last = identity = value
            elif name == "event":
                event = value
            elif name == "data":
                data.append(value)
            elif name == "retry":
                self.retry = int(value)

    def next(self, event):
        """The next message of that sort; others before it are dropped."""
        while True:
            message = self.message()
            assert message is not None, f"the stream ended before a message '{event}'"
            if message[1] == event:
                return message

    def events(self, count):
        """The next events themselves."""
        got = []
        while len(got) < count:
            identity, _, data = self.next("event")
            assert identity == str(data["position"]), (identity, data)
            got.append(data)
        return got

    def close(self):
        self.answer.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class BoardCase(harness.DaemonCase):
    """Each test has a fresh daemon on an empty store and a gateway beside it: self.board."""

    board_arguments = ()

    def setUp(self):
        super().setUp()
        self.board = Board(self.daemon, self.board_arguments).start()
        self.addCleanup(self.board.close)

    def tearDown(self):
        if self.board.process is not None:
            self.board.stop()
        super().tearDown()

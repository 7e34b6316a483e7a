#!/usr/bin/python3
"""Clients that stop in the middle of what they asked for, or die there, and a log that nobody
reads: appends go on, no snapshot is pinned, memory stays bounded, and who goes on ends equal to
the log.

TRIAL_EVENTS is how many events are appended while a client is stopped, TRIAL_ROUNDS how many
readers are killed."""
import json
import os
import signal
import socket
import subprocess

import msgpack

from faulty import ROUNDS, harness
from raw_peer import RawPeer, message
from small_world import World

EVENTS = int(os.environ.get("TRIAL_EVENTS") or 20000)
KILLED = ROUNDS or 200
BEFORE = 12000      # events that are there when a client begins to read
REQUEST = 50        # events of an append: a commit each
MEMORY_KIB = 64 * 1024
TEXT = "x" * 150


class StalledCase(harness.DaemonCase):
    arguments = ("--commit-events", "32", "--reserve-bytes", "0", "--feed-queue", "1000")

    known = None  # of undisturbed()

    def setUp(self):
        super().setUp()
        self.world = World()
        self.fill(BEFORE)
        self.peer.call("read", limit=1)

    def fill(self, count):
        for start in range(0, count, REQUEST):
            self.peer.append(self.world.activities(min(REQUEST, count - start), case="c" + str(start % 7000),
                                                   text=TEXT))

    def lmdb(self):
        return self.peer.call("status")["stores"]["lmdb"]

    def grow(self):
        """Append much; how the file and the memory grew meanwhile."""
        bytes_before, kib_before, most_kib = self.lmdb()["bytes"], self.daemon.anonymous_kib(), 0
        for _ in range(4):
            self.fill(EVENTS // 4)
            most_kib = max(most_kib, self.daemon.anonymous_kib())
        self.peer.call("read", limit=1)  # the tables are level
        return self.lmdb()["bytes"] - bytes_before, most_kib - kib_before

    def undisturbed(self):
        """How a file grows by the same appends where nobody is stopped."""
        if StalledCase.known is None:
            StalledCase.known = self.measure()
        return StalledCase.known

    def measure(self):
        with harness.Daemon(arguments=self.arguments) as daemon, daemon.peer() as peer:
            world, was = self.world, (self.daemon, self.peer)
            self.daemon, self.peer, self.world = daemon, peer, World()
            try:
                self.fill(BEFORE)
                self.peer.call("read", limit=1)
                return self.grow()
            finally:
                (self.daemon, self.peer), self.world = was, world

    def start(self, *words):
        """A client with its output in a pipe that nobody reads yet."""
        environment = harness.clean_environment({"TRIALD_ENDPOINT": self.daemon.endpoint,
                                                 "TRIALD_FEED": self.daemon.feed})
        client = subprocess.Popen([harness.program("TRIALCTL", "trialctl"), *words], env=environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

        def end():
            client.kill()
            client.wait()
            client.stdout.close()

        self.addCleanup(end)
        return client

    def check_growth(self, what, since_kib=None):
        wanted, wanted_kib = self.undisturbed()
        before_kib = self.daemon.anonymous_kib()
        got, kib = self.grow()
        kib += before_kib - (since_kib or before_kib)
        print(f"{what}: the file grew by {got / 1e6:.1f} MB, {got / wanted:.2f} of {wanted / 1e6:.1f} MB where "
              f"nobody is stopped; {kib / 1024:.1f} MiB more memory (else {wanted_kib / 1024:.1f})", flush=True)
        self.assertLess(got, 2 * wanted)
        self.assertLess(kib, MEMORY_KIB)
        self.assertEqual(self.lmdb()["readers"], 0, "a snapshot is held for who does not read")
        self.assertEqual(self.lmdb()["oldest_ms"], 0)

    def check_lines(self, lines, first, last):
        """The positions of a client's output: each once, in order."""
        self.assertEqual([json.loads(line)["position"] for line in lines], list(range(first, last + 1)))

    def take_until(self, client, first, last):
        """Let it go on, and take its lines up to a position."""
        client.send_signal(signal.SIGCONT)
        self.check_lines([client.stdout.readline() for _ in range(last - first + 1)], first, last)


class Stopped(StalledCase):
    def test_an_export(self):
        client = self.start("export", "--format", "ndjson")
        first = client.stdout.readline()
        client.send_signal(signal.SIGSTOP)
        self.check_growth("a stopped export")
        client.send_signal(signal.SIGCONT)
        lines = [first, *client.stdout]
        self.assertEqual(client.wait(harness.WAIT_S), 0)
        self.assertGreaterEqual(len(lines), BEFORE)
        self.check_lines(lines, 1, len(lines))

    def test_a_subscription_from_the_beginning(self):
        client = self.start("log", "--follow", "--from", "1", "--json")
        first = json.loads(client.stdout.readline())
        self.assertEqual(first["position"], 1)
        client.send_signal(signal.SIGSTOP)
        self.check_growth("a stopped subscription")
        self.take_until(client, 2, self.peer.call("status")["head"])

    def test_a_reader_of_the_feed_finds_its_gap_and_heals(self):
        client = self.start("watch", "--feed", self.daemon.feed, "--json")
        seen = []
        while not seen:  # it listens from some event on
            self.fill(1)
            if select_readable(client.stdout):
                seen.append(json.loads(client.stdout.readline())["position"])
        client.send_signal(signal.SIGSTOP)
        self.check_growth("a stopped reader of the feed")
        self.take_until(client, seen[0] + 1, self.peer.call("status")["head"])

    def test_one_that_asks_for_all_and_never_reads(self):
        """A thousand large answers, and a subscription with credit for all there is."""
        deaf, before_kib = RawPeer(self.daemon.endpoint).handshake(), self.daemon.anonymous_kib()
        self.addCleanup(deaf.close)
        deaf.send(message(msgpack.packb([0, 5000, "subscribe", [{"from": 1, "credit": 1 << 24}]])))
        for number in range(1000):
            deaf.send(message(msgpack.packb([0, number, "read", [{"from": 1}]])))
        self.check_growth("one that never reads", before_kib)
        self.assertEqual(self.peer.call("status")["dropped"]["answers"], 0)
        answered, last = set(), 0
        while len(answered) < 1001 or last < self.peer.call("status")["head"]:
            got = msgpack.unpackb(deaf.receive()[0])
            if got[0] == 1:
                self.assertNotIn(got[1], answered)
                answered.add(got[1])
            elif got[1] == "events":
                for event in got[2][0]["events"]:
                    self.assertEqual(event["position"], last + 1)
                    last += 1

    def test_one_asks_for_more_than_may_wait(self):
        deaf = RawPeer(self.daemon.endpoint).handshake()
        self.addCleanup(deaf.close)
        before = self.daemon.anonymous_kib()
        sent = 5500
        for number in range(sent):
            deaf.send(message(msgpack.packb([0, number, "read", [{"from": 1}]])))
        self.grow()
        self.assertLess(self.daemon.anonymous_kib() - before, MEMORY_KIB)
        codes = {}
        for _ in range(sent):
            got = msgpack.unpackb(deaf.receive()[0])
            self.assertNotIn(got[1], codes)
            codes[got[1]] = got[2]["code"] if got[2] else "answered"
        self.assertEqual(set(codes.values()), {"answered", "busy"})
        self.assertGreaterEqual(list(codes.values()).count("answered"), 4096)


class Killed(StalledCase):
    def test_in_the_middle_of_a_read(self):
        slots = self.slots()
        for _ in range(KILLED):
            client = self.start("export", "--format", "ndjson")
            self.assertTrue(client.stdout.readline())
            client.kill()
            self.assertEqual(client.wait(harness.WAIT_S), -signal.SIGKILL)
        self.assertEqual(len(self.peer.query_all("programme")), 0)
        self.assertEqual(len(self.peer.read_all()), BEFORE)
        self.assertEqual(self.lmdb()["readers"], 0)
        self.assertEqual(self.slots(), slots)

    def slots(self):
        """What the daemon has open does not grow with those who left."""
        while self.peer.call("status")["peers"] > 1:
            pass
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))


def select_readable(file):
    poll = harness.select.poll()
    poll.register(file, harness.select.POLLIN)
    return bool(poll.poll(100))


class Unread(harness.unittest.TestCase):
    """Who reads the daemon's lines has stopped, or is gone."""

    def check(self, theirs, ours, is_gone):
        daemon = harness.Daemon()
        self.addCleanup(daemon.close)
        daemon.stderr_to = theirs
        daemon.start()
        os.close(theirs)
        if is_gone:
            os.close(ours)
        with daemon.peer() as peer:
            world, head = World(), 0
            while peer.call("status")["dropped"]["lines"] < 5:
                daemon.process.send_signal(signal.SIGHUP)  # it has a word to say
                head += 10
                self.assertLess(head, 100000, "no line was dropped")
                self.assertEqual(peer.append(world.activities(10))["last"], head)
            self.assertEqual(peer.call("status")["head"], head)
            if not is_gone:
                said = b""
                os.set_blocking(ours, False)
                while b"lines were dropped" not in said:
                    try:
                        said += os.read(ours, 65536)
                    except BlockingIOError:
                        daemon.process.send_signal(signal.SIGHUP)
                        peer.call("status")
                self.assertRegex(said.decode(), r"(?m)^triald: \d+ log lines were dropped before this$")
                os.close(ours)
        daemon.stop()

    def pipe(self, is_gone):
        ours, theirs = os.pipe()
        self.check(theirs, ours, is_gone)

    def socket(self, is_gone):
        ours, theirs = socket.socketpair()  # as the journal gives one
        self.check(theirs.detach(), ours.detach(), is_gone)

    def test_a_pipe_that_is_not_read(self):
        self.pipe(False)

    def test_a_pipe_that_is_closed(self):
        self.pipe(True)

    def test_a_socket_that_is_not_read(self):
        self.socket(False)

    def test_a_socket_that_is_closed(self):
        self.socket(True)


if __name__ == "__main__":
    harness.main()

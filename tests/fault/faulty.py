"""What the tests of faults stand on: triald with the library of faults preloaded, work for it to
do, and a look at what it left.

A life is a daemon from its start to its end with one fault in it. What it acknowledged is written
down; the next life, without a fault, must hold all of it, exact, once and in order."""
import collections
import os
import sys
import unittest

import zmq

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))

import harness  # noqa: E402
import raw_peer  # noqa: E402
from small_world import World  # noqa: E402

ROUNDS = int(os.environ.get("TRIAL_ROUNDS") or 0)  # 0: the short size of each test


def library():
    """The path of the preloaded library; None where it cannot be used."""
    path = os.environ.get("TRIAL_FAULTY")
    return path if path and os.path.exists(path) else None


class Gone(Exception):
    """The daemon ended before it answered."""


class Peer(harness.Peer):
    """A peer that notices when the daemon has ended."""

    def __init__(self, daemon):
        super().__init__(daemon.endpoint)
        self.pidfd = daemon.pidfd

    def receive(self):
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(self.pidfd, zmq.POLLIN)
        ready = dict(poller.poll(harness.WAIT_S * 1000))
        assert ready, "no answer in time"
        if self.socket not in ready and not self.socket.poll(0):
            raise Gone
        return super().receive()


class Wire:
    """A connection made of bytes in place of a library's socket: it gives every answer that the
    daemon had handed to the kernel when it ended, and then says that it is gone."""

    def __init__(self, endpoint):
        self.raw = raw_peer.RawPeer(endpoint, harness.WAIT_S).handshake()

    def send(self, frame):
        self.raw.send(raw_peer.message(frame))  # hung up: what is read next says so

    def recv(self):
        parts = self.raw.receive()
        if parts is None:
            raise Gone
        return parts[0]

    def close(self):
        self.raw.close()


class LastWords(harness.Peer):
    """A peer that reads to the end: no answer of a daemon that was killed is missed."""

    def __init__(self, daemon):
        self.socket = Wire(daemon.endpoint)
        self.msgid = 0
        self.replies, self.notes = {}, []

    def read_to_the_end(self):
        try:
            while True:
                self.take(self.receive())
        except Gone:
            return self.replies


class Life:
    """What one life was asked and what it answered."""

    def __init__(self):
        self.sent = []          # requests, each a list of events
        self.acknowledged = {}  # id -> position
        self.refused = []       # WireErrors
        self.status = None      # how it ended
        self.stderr = ""
        self.was_ready = False
        self.was_reached_at_work = False  # the fault, before it was told to stop


class FaultCase(unittest.TestCase):
    """Lives on one store, in a scratch directory that goes with the test."""

    maxDiff = 2000
    arguments = ("--journal-bytes", "16M", "--turn-bytes", "4M", "--reserve-bytes", "0", "--commit-ms", "60000",
                 "--map-bytes", "1G", "--readers", "1")

    def setUp(self):
        if library() is None:
            self.skipTest("the library of faults cannot be preloaded into this build")
        self.scratch = harness.Scratch()
        self.addCleanup(self.scratch.remove)
        self.told = self.scratch / "told"
        self.arm = self.scratch / "arm"
        self.worlds = 0
        self.acknowledged = {}  # of the store, over its lives: id -> position
        self.events = {}        # every event that was ever sent: id -> event

    def daemon(self, store=None, arguments=(), **faults):
        """A daemon; faults are FAULTY_ variables in lower case."""
        environment = {}
        if faults:
            environment = {f"FAULTY_{k.upper()}": str(v) for k, v in faults.items()}
            environment.update(LD_PRELOAD=library(), FAULTY_TOLD=self.told)
            if os.path.exists(self.told):
                os.unlink(self.told)
        made = harness.Daemon(self.scratch, store=store, environment=environment,
                              arguments=[*self.arguments, *arguments])
        self.addCleanup(made.close)
        return made

    def was_reached(self):
        return os.path.exists(self.told)

    def requests(self, count=5):
        """Requests of one to three events that a fresh programme can take in this order."""
        self.worlds += 1
        world = World(f"p{self.worlds}")
        events = world.foundation() + world.trial("running")
        cut, start = [], 0
        while len(cut) < count and start < len(events):
            size = 1 + len(cut) % 3
            cut.append(events[start:start + size])
            start += size
        for request in cut:
            self.events.update({e["id"]: e for e in request})
        return cut

    def work(self, peer, life, requests):
        """Append, and read after every second request: a reader who waits makes the tables
        level."""
        for number, request in enumerate(requests):
            life.sent.append(request)
            try:
                answer = peer.append(request)
            except harness.WireError as error:
                life.refused.append(error)
                continue
            for event, position in zip(request, answer["positions"]):
                life.acknowledged[event["id"]] = position
            if number % 2 == 1:
                peer.call("read", **{"from": answer["first"], "limit": 10})

    def live(self, daemon, requests):
        """One life, from start to end."""
        life = Life()
        try:
            daemon.start()
        except harness.StartFailed as failed:
            life.status, life.stderr = failed.status, failed.stderr
            return life
        life.was_ready = True
        peer = Peer(daemon)
        try:
            self.work(peer, life, requests)
            life.was_reached_at_work = self.was_reached()
            daemon.process.terminate()
        except Gone:
            pass
        finally:
            peer.close()
        life.status = daemon.process.wait(harness.WAIT_S)
        life.stderr = daemon.stderr()
        daemon.forget()
        for name, position in life.acknowledged.items():
            self.assertEqual(self.acknowledged.setdefault(name, position), position)
        return life

    def check_log(self, peer):
        """All that was acknowledged is there, exact, in its place, and nothing twice."""
        log = peer.read_all()
        self.assertEqual([e["position"] for e in log], list(range(1, len(log) + 1)))
        revisions = collections.Counter()
        for event in log:
            revisions[event["subject"]] += 1
            self.assertEqual(event["revision"], revisions[event["subject"]])
            self.assertEqual(harness.bare(event), self.events[event["id"]])
        positions = {e["id"]: e["position"] for e in log}
        self.assertEqual(len(positions), len(log), "an event is there twice")
        for name, position in self.acknowledged.items():
            self.assertEqual(positions.get(name), position, f"{name} was acknowledged")
        times = [e["ingesttime"] for e in log]
        self.assertEqual(times, sorted(times))
        return positions

    def check_views(self, peer):
        """The views are what a fold of the log gives, and every checksum holds."""
        left = {view: peer.query_all(view) for view in harness.VIEWS}
        peer.call("rebuild")
        for view in harness.VIEWS:
            self.assertEqual(left[view], peer.query_all(view), view)
        verified, status = peer.call("verify"), peer.call("status")
        self.assertEqual((verified["size"], verified["root"], verified["bad"]),
                         (status["head"], status["root"], 0))

    def check(self, lives=(), store=None):
        """A life without faults: everything is there, and sending all of it again makes each
        event one."""
        with self.daemon(store=store) as daemon, daemon.peer() as peer:
            there = self.check_log(peer)
            self.check_views(peer)
            for life in lives:
                for request in life.sent:
                    answer = peer.append(request)
                    self.assertEqual(answer["duplicates"], [e["id"] in there for e in request])
                    for event, position in zip(request, answer["positions"]):
                        self.assertEqual(there.setdefault(event["id"], position), position)
                        self.acknowledged.setdefault(event["id"], position)
            self.check_log(peer)
        return there

    def assert_said_why(self, life, statuses=(74,)):
        self.assertIn(life.status, statuses, life.stderr)
        self.assertRegex(life.stderr, r"(?m)^triald: \S+.* \S+", "it left without a word")

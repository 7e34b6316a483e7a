#!/usr/bin/python3
"""Very many connections, and more than there are descriptors: whoever is connected is served,
nobody takes the last place of another endpoint, and the daemon says what it cannot serve.

TRIAL_CONNECTIONS is the number of connections at once, 1,000 unless told."""
import os
import resource
import select
import subprocess
import sys
import time
import unittest

import msgpack

import harness
from raw_peer import GREETING, RawPeer, message, ready
from small_world import World

CONNECTIONS = int(os.environ.get("TRIAL_CONNECTIONS") or 1000)
PROCESSES = 2
STATUS_REQUEST = message(msgpack.packb([0, 7, "status", []]))


def processor_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        words = stat.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def crowd(endpoint, count):
    """The other process: connect `count` peers, have each answered, and hold them until told."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    peers = []
    for _ in range(count):
        peers.append(RawPeer(endpoint))
    for peer in peers:
        peer.handshake()
    for peer in peers:
        peer.send(STATUS_REQUEST)
    answered = sum(msgpack.unpackb(peer.receive()[0])[1] == 7 for peer in peers)
    print(answered, flush=True)
    by_fd = {peer.fileno(): peer for peer in peers}
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == 0:
                return
            if by_fd[fd].take_frame() is None:  # heartbeats are answered; nothing else comes
                poll.unregister(fd)


class Many(harness.DaemonCase):
    def test_all_are_served_at_once(self):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if limit < CONNECTIONS + 100:
            self.skipTest(f"{limit} open files are too few for {CONNECTIONS} connections")
        pid = self.daemon.process.pid
        self.peer.append(World().activities(100))
        before_kib, begun = self.daemon.anonymous_kib(), time.monotonic()
        each = CONNECTIONS // PROCESSES
        crowds = [subprocess.Popen([sys.executable, "-B", __file__, "--crowd",
                                    self.daemon.endpoint, str(each)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
        try:
            answered = [int(c.stdout.readline() or 0) for c in crowds]
            took_s = time.monotonic() - begun
            self.assertEqual(answered, [each] * PROCESSES)
            self.assertEqual(self.peer.call("status")["peers"], each * PROCESSES + 1)
            self.assertEqual(self.peer.call("status")["dropped"]["connections"], 0)
            grown_kib = self.daemon.anonymous_kib() - before_kib
            busy_s, begun = processor_s(pid), time.monotonic()
            while time.monotonic() - begun < 2:
                self.peer.append(World(f"m{time.monotonic_ns()}").activities(1))
            busy_s = processor_s(pid) - busy_s
            print(f"{each * PROCESSES} connections served in {took_s:.1f} s, "
                  f"{grown_kib / 1024:.1f} MiB more, {grown_kib / each / PROCESSES:.1f} KiB each; "
                  f"{busy_s / 2 * 100:.0f} % of a processor with one of them appending", flush=True)
        finally:
            for c in crowds:
                c.communicate("")
        while self.peer.call("status")["peers"] > 1:
            pass
        self.assertEqual(self.peer.append(World("after").activities(1))["positions"][0],
                         self.peer.call("status")["head"])


class Few(unittest.TestCase):
    """64 descriptors, and 110 peers that want one."""

    FILES, CROWD = 64, 110

    def setUp(self):
        self.daemon = harness.Daemon(wrapper=["prlimit", f"--nofile={self.FILES}:{self.FILES}"])
        self.other = self.daemon.endpoint + "2"
        self.daemon.arguments = ["--listen", self.other]
        self.daemon.start()
        self.addCleanup(self.daemon.close)

    def flood(self, endpoint, is_polite):
        """Connect more peers than there are places; they hold what they got."""
        peers = []
        for _ in range(self.CROWD):
            peer = RawPeer(endpoint)
            if is_polite:
                peer.send(GREETING + ready())  # not read where it was turned away
            peers.append(peer)
            self.addCleanup(peer.close)
        return peers

    def check(self, full, other, is_polite):
        """While `full` has no place left the others are served; when they leave, it is again."""
        peers = self.flood(full, is_polite)
        with harness.Peer(other) as peer:
            status = peer.call("status")
            while status["dropped"]["connections"] == 0:
                status = peer.call("status")
            if other != self.daemon.feed:
                self.assertEqual(peer.append(World().activities(3))["last"], 3)
        for one in peers:
            one.close()
        for endpoint in (self.daemon.endpoint, self.other):
            with harness.Peer(endpoint) as peer:
                self.assertEqual(peer.call("status")["head"], 3)
        self.daemon.stop()

    def test_an_administrator_is_answered_while_the_other_endpoint_is_full(self):
        self.check(self.daemon.endpoint, self.other, False)

    def test_the_order_of_endpoints_makes_no_difference(self):
        self.check(self.other, self.daemon.endpoint, False)

    def test_nor_does_it_whether_the_crowd_speaks(self):
        self.check(self.daemon.endpoint, self.other, True)

    def test_a_full_feed_leaves_requests_alone(self):
        self.check(self.daemon.feed, self.other, False)

    def test_those_who_are_connected_stay_so(self):
        with harness.Peer(self.daemon.endpoint) as peer:
            peer.call("status")
            crowd_of_peers = self.flood(self.daemon.endpoint, False)
            while peer.call("status")["dropped"]["connections"] == 0:
                pass
            self.assertLess(peer.call("status")["peers"], self.FILES)
            for one in crowd_of_peers:
                one.close()
        self.daemon.stop()

    def test_it_says_so(self):
        self.flood(self.daemon.endpoint, False)
        notes = self.daemon.notifications
        while not any("turned away" in m for m in notes.drain() if m.startswith("STATUS=")):
            notes.messages.clear()
            self.assertTrue(notes.wait_for("STATUS=", self.daemon.pidfd))
        self.assertRegex(self.daemon.stderr(),
                         r"connections are turned away \(\d+ so far\).*LimitNOFILE")
        self.assertEqual(self.daemon.stderr().count("are turned away"), 1)
        self.daemon.stop()


class Limit(unittest.TestCase):
    def daemon(self, files):
        daemon = harness.Daemon(wrapper=["prlimit", f"--nofile={files}"])
        self.addCleanup(daemon.close)
        return daemon

    def test_the_soft_limit_is_raised_to_the_hard_one(self):
        with self.daemon("64:4000") as daemon:
            limit = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
            self.assertEqual(limit, (4000, 4000))

    def test_too_few_for_anybody_is_refused_with_the_number_it_takes(self):
        daemon = self.daemon("40:40")
        with self.assertRaises(harness.StartFailed) as failed:
            daemon.start()
        self.assertEqual(failed.exception.status, 78)
        self.assertRegex(failed.exception.stderr, r"40 open files.*allow \d+ at least")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--crowd"]:
        crowd(sys.argv[2], int(sys.argv[3]))
    else:
        harness.main()

#!/usr/bin/python3
"""Sockets that a service manager made and passed in: they are served as the daemon's own, outlive it,
and keep for the next one whoever connects meanwhile."""
import os
import socket
import unittest

import zmq

import harness
from raw_peer import RawPeer
from small_world import World


def listening(endpoint, is_listening=True):
    """A socket at that path, as a unit of systemd makes it."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(endpoint.removeprefix("ipc://"))
    if is_listening:
        made.listen(4096)
    return made


class ScratchCase(unittest.TestCase):
    def setUp(self):
        self.scratch = harness.Scratch()
        self.addCleanup(self.scratch.remove)

    def daemon(self):
        daemon = harness.Daemon(scratch=self.scratch)
        self.addCleanup(daemon.close)
        return daemon


class Passed(ScratchCase):
    def setUp(self):
        super().setUp()
        self.one = self.daemon()
        self.requests, self.feed = listening(self.one.endpoint), listening(self.one.feed)
        self.one.passed = [("feed", self.feed), ("requests", self.requests)]
        self.inode = os.stat(self.one.endpoint.removeprefix("ipc://")).st_ino

    def tearDown(self):
        self.requests.close()
        self.feed.close()

    def test_requests_and_the_feed_are_served_on_them(self):
        reader = zmq.Context.instance().socket(zmq.SUB)
        reader.rcvtimeo, reader.linger = harness.WAIT_S * 1000, 0
        reader.subscribe(b"")
        reader.connect(self.one.feed)
        with self.one, self.one.peer() as peer:
            reader.recv_multipart()  # a heartbeat: it is known to read
            event = World().activity()
            self.assertEqual(peer.append(event)["first"], 1)
            topic = reader.recv_multipart()
            while topic[0] == b"heartbeat":
                topic = reader.recv_multipart()
            self.assertEqual(topic[0].decode().split()[0], event["type"])
        reader.close()

    def test_they_outlive_the_daemon(self):
        for end in ("stop", "kill"):
            self.one.start()
            self.assertEqual(self.one.ask("status")["head"], 0)
            getattr(self.one, end)()
            path = self.one.endpoint.removeprefix("ipc://")
            self.assertEqual(os.stat(path).st_ino, self.inode)
            self.assertTrue(os.path.exists(self.one.feed.removeprefix("ipc://")))

    def test_who_connects_while_it_is_away_is_served_by_the_next_one(self):
        for end in ("stop", "kill"):
            self.one.start()
            getattr(self.one, end)()
            peers = [self.one.peer() for _ in range(50)]
            ids = [peer.send("append", {"events": [World(f"{end}{i}").activity()]})
                   for i, peer in enumerate(peers)]
            raw = RawPeer(self.one.endpoint)  # connected already, and nobody has accepted it
            self.one.start()
            positions = {peer.result(i)["first"] for peer, i in zip(peers, ids)}
            self.assertEqual(len(positions), 50)
            raw.handshake()
            raw.close()
            for peer in peers:
                peer.close()
            self.assertEqual(self.one.ask("status")["head"], max(positions))
            self.one.stop()

    def test_one_endpoint_is_passed_and_another_is_bound(self):
        other = self.one.endpoint + "2"
        self.one.arguments = ["--listen", other]
        self.one.passed = self.one.passed[1:]
        self.feed.close()
        with self.one:
            for endpoint in (self.one.endpoint, other):
                with harness.Peer(endpoint) as peer:
                    self.assertEqual(peer.call("status")["head"], 0)

    def test_tcp_is_passed_too(self):
        harness.Peer.context.setsockopt(zmq.IPV6, 1)
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "[::1]")):
            made = socket.socket(family, socket.SOCK_STREAM)
            made.bind((address.strip("[]"), 0))
            made.listen(10)
            endpoint = f"tcp://{address}:{made.getsockname()[1]}"
            self.one.arguments = ["--listen", endpoint]
            self.one.passed = [("requests", self.requests), ("requests", made),
                               ("feed", self.feed)]
            with self.one, harness.Peer(endpoint) as peer:
                self.assertEqual(peer.call("status")["head"], 0)
            made.close()

    def test_the_bound_of_connections_holds_for_them(self):
        self.one.wrapper = ["prlimit", "--nofile=64:64"]
        with self.one, self.one.peer() as early:
            self.assertEqual(early.call("status")["peers"], 1)
            crowd = [RawPeer(self.one.endpoint) for _ in range(110)]
            while early.call("status")["dropped"]["connections"] < 40:
                pass
            self.assertEqual(early.append(World().activity())["first"], 1)
            for peer in crowd:
                peer.close()


class Refused(ScratchCase):
    def refused(self, passed, words):
        """It leaves with 78 and says why; nothing that was passed is harmed."""
        daemon = self.daemon()
        daemon.passed = passed(daemon)
        with self.assertRaises(harness.StartFailed) as caught:
            daemon.start()
        self.assertEqual(caught.exception.status, 78, caught.exception.stderr)
        self.assertIn(words, caught.exception.stderr)
        self.assertFalse(os.path.exists(daemon.store))
        for _, made in daemon.passed:
            path = made.getsockname()
            made.close()
            os.unlink(path)

    def test_a_name_that_is_none(self):
        self.refused(lambda d: [("triald.socket", listening(d.endpoint))], "'triald.socket'")

    def test_a_path_that_no_setting_names(self):
        self.refused(lambda d: [("requests", listening(d.endpoint + "x"))], "the setting 'listen'")
        self.refused(lambda d: [("feed", listening(d.endpoint))], "the setting 'feed'")

    def test_what_does_not_listen(self):
        self.refused(lambda d: [("requests", listening(d.endpoint, False))],
                     "is no listening socket")

    def test_more_than_there_can_be(self):
        self.refused(lambda d: [("requests", listening(f"{d.endpoint}{i}")) for i in range(10)],
                     "10 sockets were passed in")


class Told(ScratchCase):
    def test_a_reload_is_told_with_its_time_and_its_end(self):
        daemon = self.daemon().start()
        notes = daemon.notifications
        for _ in range(3):
            notes.drain()
            notes.messages.clear()
            daemon.process.send_signal(harness.signal.SIGHUP)
            self.assertTrue(notes.wait_for("READY=1", daemon.pidfd))
            told = [m for m in notes.messages if not m.startswith("STATUS=")]
            self.assertRegex(" ".join(told), r"^RELOADING=1 MONOTONIC_USEC=\d+ READY=1$")
        self.assertEqual(daemon.ask("status")["head"], 0)
        daemon.stop()


if __name__ == "__main__":
    harness.main()

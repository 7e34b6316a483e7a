#!/usr/bin/python3
"""trialboard streams: every event once and in order, whoever goes away and comes back."""
import hashlib
import json
import random
import socket
import threading

import harness
from board import Board, BoardCase, Stream
from pretender import Pretender
from small_world import World

BASE = "/api/v1/events"


def digest(events):
    """What two ways to read the same events must agree on."""
    found = hashlib.sha256()
    for event in events:
        found.update(json.dumps(event, sort_keys=True, ensure_ascii=False).encode())
    return found.hexdigest()


class Behind(Pretender):
    """A daemon whose subscriptions have told of five events when its log has nine."""

    EVENTS = [{"position": n, "type": "t", "subject": "case/x"} for n in range(1, 10)]
    ANSWERS = {"hello": {"log": "l", "head": 5, "protocol": 1}, "subscribe": {"subscription": 1},
               "status": {"log": "l", "head": 9}}

    def __init__(self):
        super().__init__()
        self.subscribers = []

    def take(self, peer, message):
        kind, msgid, method, params = (message + [None])[:4]
        if kind != 0:
            return
        wanted = [e for e in self.EVENTS if method == "read" and e["position"] >= params[0]["from"]]
        self.send(peer, [1, msgid, None, self.ANSWERS.get(method, {"events": wanted, "next": 0,
                                                                   "head": 9})])
        if method == "subscribe":
            self.subscribers.append(peer)
            self.send(peer, [2, "live", [{"subscription": 1, "head": 5}]])

    def idle(self):
        for peer in self.subscribers:
            self.send(peer, [2, "heartbeat", [{"subscription": 1, "head": 5}]])


class Streams(BoardCase):
    def setUp(self):
        super().setUp()
        self.world = World()

    def fill(self, count, **data):
        """Append events; how far the log is then."""
        for start in range(0, count, 1000):
            last = self.peer.append(self.world.activities(min(1000, count - start), **data))["last"]
        return last

    def open(self, query="", last=None):
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        stream = Stream(self.board, BASE + query, headers)
        self.assertEqual(stream.answer.status, 200)
        self.addCleanup(stream.close)
        return stream

    def positions(self, stream, count):
        return [e["position"] for e in stream.events(count)]

    def test_only_new_events_unless_told_from_where(self):
        self.fill(3)
        stream = self.open()
        self.assertEqual(stream.next("live"), ("3", "live", {"head": 3}))
        self.assertEqual(stream.retry, 1000)
        self.fill(2)
        self.assertEqual(self.positions(stream, 2), [4, 5])

    def test_an_event_is_what_trialctl_prints(self):
        self.fill(1, note="æøå \" \\ \u2028 \t", number=3.0, large=2**63)
        line = self.daemon.ctl("log", "--json").out.rstrip("\n")
        with socket.create_connection(("127.0.0.1", self.board.port)) as peer:
            peer.sendall(f"GET {BASE}?from=1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            got = b""
            while b"\n\n" not in got.partition(b"event: event")[2]:
                got += peer.recv(65536)
        self.assertIn(f"id: 1\nevent: event\ndata: {line}\n\n".encode(), got)

    def test_from_the_beginning_into_the_live_tail(self):
        self.fill(6000)  # more than the ring holds
        stream = self.open("?from=1")
        events = stream.events(6000)
        self.assertEqual(digest(events), digest(self.peer.read_all()))
        self.assertEqual(stream.next("live")[2], {"head": 6000})
        self.fill(10)
        self.assertEqual(self.positions(stream, 10), list(range(6001, 6011)))

    def test_whoever_comes_back_misses_nothing(self):
        seed = harness.seed()
        chance = random.Random(seed)
        total = 3000
        for filters in ("", "&types=activity.", "&programme=w1", "&subject=case/"):
            begin = self.fill(50)
            query = f"?from={begin + 1}{filters}"
            wanted = begin + total

            def publish():
                with self.daemon.peer() as peer:
                    for _ in range(total // 50):
                        peer.append(self.world.activities(50, programme="w1"))
            writer = threading.Thread(target=publish)
            writer.start()
            got, last = [], None
            while not got or got[-1]["position"] < wanted:
                stream = self.open(query, last)
                left = chance.randrange(1, 800)
                while left > 0 and (not got or got[-1]["position"] < wanted):
                    got += stream.events(1)
                    left -= 1
                last = stream.last
                stream.close()
            writer.join()
            self.assertEqual(digest(got), digest(self.peer.read_all(**{"from": begin + 1})),
                             (seed, query))

    def test_who_comes_back_before_the_first_event_misses_none(self):
        self.fill(5)
        stream = self.open()
        stream.next("live")
        stream.close()
        self.fill(3)
        again = self.open(last=stream.last)
        self.assertEqual(self.positions(again, 3), [6, 7, 8])
        heard = self.open()
        heard.next("heartbeat")
        heard.close()
        self.fill(2)
        self.assertEqual(self.positions(self.open(last=heard.last), 2), [9, 10])

    def test_the_header_the_parameter_and_from(self):
        self.fill(20)
        self.assertEqual(self.positions(self.open("?last_event_id=7"), 2), [8, 9])
        self.assertEqual(self.positions(self.open("?last_event_id=7", last=9), 2), [10, 11])
        self.assertEqual(self.positions(self.open("?from=5", last=9), 2), [10, 11])
        self.assertEqual(self.positions(self.open("?from=12", last=9), 2), [12, 13])
        self.assertEqual(self.positions(self.open(last=0), 2), [1, 2])
        ahead = self.open("?from=23")
        self.assertEqual(ahead.next("live")[2], {"head": 20})
        self.assertLessEqual(int(ahead.last), 20)
        self.fill(5)
        self.assertEqual(self.positions(ahead, 3), [23, 24, 25])

    def test_filters_are_those_of_a_read(self):
        self.daemon.import_events(harness.load()[:700])
        cases = ({"types": ["application.submitted"]}, {"types": ["trial.", "network.appointed"]},
                 {"subject": "trial/ff2-018"}, {"subject": "network/"}, {"programme": "ff2"},
                 {"programme": "ff2", "types": ["trial."], "subject": "trial/"}, {"programme": "w1"})
        streams = []
        for case in cases:
            query = "&".join(f"{k}={','.join(v) if isinstance(v, list) else v}"
                             for k, v in case.items())
            streams.append((case, self.open(f"?from=1&{query}"), self.open(f"?{query}")))
        for _, _, live in streams:
            live.next("live")
        self.daemon.import_events(harness.load()[700:])
        self.fill(3, programme="w1")
        for case, whole, live in streams:
            wanted = self.peer.read_all(**case)
            self.assertTrue(wanted, case)
            self.assertEqual(digest(whole.events(len(wanted))), digest(wanted), case)
            new = [e for e in wanted if e["position"] > 700]
            self.assertEqual(digest(live.events(len(new))), digest(new), case)

    def test_heartbeats_show_that_it_lives(self):
        self.fill(1)
        stream = self.open("?types=trial.")
        stream.next("live")
        self.assertEqual(stream.next("heartbeat"), ("1", "heartbeat", {"head": 1}))
        self.fill(4)
        while stream.next("heartbeat")[2] != {"head": 5}:
            pass
        self.assertEqual(stream.last, "5")  # whoever comes back need not look at those again

    def test_the_daemon_is_killed_and_restarted_under_open_streams(self):
        self.fill(100)
        streams = [self.open("?from=1") for _ in range(3)] + [
            self.open("?from=1&programme=w1"), self.open("?from=1&types=activity.completed")]
        late = self.open()
        late.next("live")
        for stream in streams:
            stream.events(100 if stream is not streams[3] else 0)
        for round_number in range(2):
            self.daemon.kill()
            while "away" not in late.next("heartbeat")[2]:
                pass
            during = self.open(last=100 * (round_number + 1))  # opened while the daemon is away
            self.daemon.start()
            self.peer.close()
            self.peer = self.daemon.peer()
            self.fill(100, programme="w1")
            wanted = self.peer.read_all(**{"from": 100 * (round_number + 1) + 1})
            for stream in streams + [late, during]:
                self.assertEqual(digest(stream.events(100)), digest(wanted))
            during.close()
        samples = self.board.ask("/metrics").body.decode()
        self.assertIn("trialboard_resubscribed_total", samples)
        self.assertNotIn("trialboard_resubscribed_total 0\n", samples)

    def test_the_gateway_is_killed_and_started_again(self):
        self.fill(500)
        stream = self.open("?from=1")
        got = stream.events(200)
        self.board.kill()
        self.fill(300)
        self.board.start()
        again = self.open("?from=1", last=stream.last)
        got += again.events(600)
        self.assertEqual(digest(got), digest(self.peer.read_all()))

    def test_another_log_begins_every_stream_anew(self):
        self.fill(50)
        stream = self.open("?from=1")
        stream.events(50)
        stream.next("live")
        self.daemon.stop()
        self.daemon.store += "-other"
        self.daemon.start()
        self.peer.close()
        self.peer = self.daemon.peer()
        identity, _, data = stream.next("reset")
        self.assertEqual((identity, data["log"]), ("", self.peer.call("status")["log"]))
        self.assertIsNone(stream.message())
        ahead = self.open(last=50)  # somebody else's place
        self.assertEqual(ahead.next("reset")[0], "")
        self.fill(3)
        self.assertEqual(self.positions(self.open("?from=1", last=stream.last or None), 3),
                         [1, 2, 3])

    def test_its_place_never_goes_back_where_the_subscription_is_behind_the_log(self):
        with Behind() as daemon:
            board = Board(daemon).start()
            self.addCleanup(board.close)
            with Stream(board, BASE + "?from=1") as stream:
                stream.events(9)
                self.assertEqual(stream.next("live"), ("9", "live", {"head": 9}))
                self.assertEqual(stream.next("heartbeat")[0], "9")
            board.stop()

    def test_a_reader_that_reads_nothing_holds_nobody_up(self):
        idle = self.open("?from=1")
        quick = self.open()
        quick.next("live")
        text = "x" * 2000
        first = self.fill(1, note=text)
        self.fill(11999, note=text)  # 24 MB: more than any buffer between, and than the ring
        self.assertEqual([e["position"] for e in quick.events(12000)],
                         list(range(first, first + 12000)))
        with open(f"/proc/{self.board.process.pid}/status", encoding="ascii") as status:
            rss = next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
        events = idle.events(12000)  # it begins to read, and is given all
        self.assertEqual(digest(events), digest(self.peer.read_all()))
        if harness.is_plain(harness.program("TRIALBOARD", "trialboard")):
            self.assertLess(rss, 64 * 1024)  # KiB: the ring has 16 MiB, the log 24

    def test_no_more_streams_than_it_may_have(self):
        small = Board(self.daemon, ["--streams", "2", "--programmes", "1"])
        small.starts = 50
        small.start()
        self.addCleanup(small.close)
        with Stream(small, BASE), Stream(small, BASE + "?programme=w1") as second:
            self.assertEqual(second.answer.status, 200)
            refused = small.ask(BASE)
            self.assertEqual((refused.status, refused.headers["Retry-After"]), (503, "1"))
            self.assertEqual(small.ask("/healthz").status, 200)
        while "trialboard_streams 0\n" not in small.ask("/metrics").body.decode():
            pass  # a heartbeat finds out that they have gone
        with Stream(small, BASE + "?programme=w1") as first:
            self.assertEqual(first.answer.status, 200)
            self.assertEqual(small.ask(BASE + "?programme=w2").status, 503)
        small.stop()

    def test_it_leaves_while_streams_are_open(self):
        streams = [self.open() for _ in range(20)]
        for stream in streams:
            stream.next("live")
        self.board.stop()
        for stream in streams:
            while stream.message() is not None:
                pass


if __name__ == "__main__":
    harness.main()

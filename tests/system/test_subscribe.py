#!/usr/bin/python3
"""Subscriptions and the feed: ordered, without gaps or repeats, by credit, and nobody's slowness
is another's harm."""
import msgpack
import zmq

import harness
from small_world import World


class Subscribe(harness.DaemonCase):
    def setUp(self):
        super().setUp()
        self.world = World()
        self.writer = self.daemon.peer()
        self.addCleanup(self.writer.close)

    def fill(self, count, **data):
        for start in range(0, count, 1000):
            self.writer.append(self.world.activities(min(1000, count - start), **data))

    def subscribe(self, **params):
        return self.peer.call("subscribe", **params)["subscription"]

    def take(self, subscription, count, peer=None):
        """The next events of a subscription; every message is checked."""
        events = []
        while len(events) < count:
            _, note = (peer or self.peer).note("events")
            self.assertEqual(set(note), {"subscription", "events", "head"})
            self.assertEqual(note["subscription"], subscription)
            self.assertLessEqual(len(note["events"]), 1024)
            self.assertTrue(note["events"])
            self.assertGreaterEqual(note["head"], note["events"][-1]["position"])
            events += note["events"]
        self.assertEqual(len(events), count)
        return events

    def positions(self, subscription, count, peer=None):
        return [e["position"] for e in self.take(subscription, count, peer)]

    def test_only_new_events_unless_told_from_where(self):
        self.fill(3)
        subscription = self.subscribe()
        self.fill(2)
        self.assertEqual(self.positions(subscription, 2), [4, 5])

    def test_from_the_beginning_into_the_live_tail(self):
        self.fill(2500)
        subscription = self.subscribe(**{"from": 1, "credit": 100000})
        self.assertEqual(self.positions(subscription, 2500), list(range(1, 2501)))
        self.assertEqual(self.peer.note("live", "events")[0], "live")
        self.fill(10)
        self.assertEqual(self.positions(subscription, 10), list(range(2501, 2511)))

    def test_events_are_those_that_are_read(self):
        self.fill(20)
        subscription = self.subscribe(**{"from": 1})
        self.assertEqual(self.take(subscription, 20), self.writer.read_all())
        self.fill(5)
        self.assertEqual(self.take(subscription, 5), self.writer.read_all(**{"from": 21}))

    def test_no_gap_and_no_repeat_while_another_writes(self):
        subscription = None
        sent = []
        for number in range(200):
            sent.append(self.writer.send("append", {"events": self.world.activities(5)}))
            if number == 100:
                subscription = self.subscribe(**{"from": 1, "credit": 100000})
        self.assertEqual(self.positions(subscription, 1000), list(range(1, 1001)))
        for msgid in sent:
            self.writer.result(msgid)

    def test_credit_counts_events(self):
        self.fill(30)
        subscription = self.subscribe(**{"from": 1, "credit": 10})
        self.assertEqual(self.positions(subscription, 10), list(range(1, 11)))
        self.nothing_but_heartbeats()
        self.peer.notify("credit", subscription=subscription, add=5)
        self.assertEqual(self.positions(subscription, 5), list(range(11, 16)))
        self.nothing_but_heartbeats()
        self.peer.notify("credit", subscription=subscription, add=7)
        self.peer.notify("credit", subscription=subscription, add=8)
        self.assertEqual(self.positions(subscription, 15), list(range(16, 31)))

    def nothing_but_heartbeats(self):
        """A heartbeat is said in silence: what is owed would have come before it."""
        for _ in range(2):
            method, _ = self.peer.note("events", "live", "heartbeat")
            self.assertEqual(method, "heartbeat")

    def test_live_is_said_once_and_costs_no_credit(self):
        self.fill(10)
        subscription = self.subscribe(**{"from": 1, "credit": 10})
        self.take(subscription, 10)
        method, note = self.peer.note("live", "events")
        self.assertEqual((method, note["subscription"]), ("live", subscription))
        self.peer.notify("credit", subscription=subscription, add=10)
        self.fill(3)
        self.assertEqual(self.peer.note("live", "events")[0], "events")

    def test_live_of_an_empty_log(self):
        subscription = self.subscribe(**{"from": 1})
        self.assertEqual(self.peer.note()[0], "live")
        self.fill(1)
        self.assertEqual(self.positions(subscription, 1), [1])

    def test_no_credit_and_then_some(self):
        self.fill(5)
        subscription = self.subscribe(**{"from": 1, "credit": 0})
        self.nothing_but_heartbeats()
        self.peer.notify("credit", subscription=subscription, add=100)
        self.assertEqual(self.positions(subscription, 5), [1, 2, 3, 4, 5])

    def test_heartbeats_in_silence(self):
        self.fill(3)
        subscription = self.subscribe(**{"from": 4})
        for _ in range(2):
            _, note = self.peer.note("heartbeat")
            self.assertEqual(note, {"subscription": subscription, "head": 3})

    def test_resuming_where_one_stopped(self):
        self.fill(50)
        subscription = self.subscribe(**{"from": 1, "credit": 20})
        last = self.positions(subscription, 20)[-1]
        self.peer.close()
        with self.daemon.peer() as again:
            subscription = again.call("subscribe", **{"from": last + 1})["subscription"]
            self.assertEqual(self.positions(subscription, 30, again), list(range(21, 51)))

    def test_filters(self):
        world = self.world
        events = world.foundation() + world.trial("assessed") + [world.activity()]
        half = len(events) // 2
        filters = [({"types": ["trial."]}, lambda e: e["type"].startswith("trial.")),
                   ({"types": ["programme.opened", "target.set"]},
                    lambda e: e["type"] in ("programme.opened", "target.set")),
                   ({"subject": "trial/w1-001"}, lambda e: e["subject"] == "trial/w1-001"),
                   ({"subject": "municipality/"},
                    lambda e: e["subject"].startswith("municipality/")),
                   ({"programme": "w1"},
                    lambda e: e["subject"].split("/")[0] not in ("municipality", "case"))]
        self.writer.append(events[:half])
        numbers = {self.subscribe(**{"from": 1}, **params): chosen for params, chosen in filters}
        self.writer.append(events[half:])
        wanted = {s: [e["id"] for e in events if chosen(e)] for s, chosen in numbers.items()}
        got = {s: [] for s in numbers}
        while got != wanted:
            _, note = self.peer.note("events")
            got[note["subscription"]] += [e["id"] for e in note["events"]]
            for number, ids in got.items():
                self.assertEqual(ids, wanted[number][:len(ids)])

    def test_unsubscribed(self):
        first, second = self.subscribe(), self.subscribe()
        self.assertNotEqual(first, second)
        self.peer.notify("unsubscribe", subscription=first)
        self.peer.call("status")
        self.peer.append(self.world.activities(2))
        got = []
        while len(got) < 2:
            _, note = self.peer.note("events")
            self.assertEqual(note["subscription"], second)
            got += note["events"]

    def test_several_peers_each_get_all(self):
        peers = [self.daemon.peer() for _ in range(5)]
        numbers = [p.call("subscribe", **{"from": 1, "credit": 5000})["subscription"]
                   for p in peers]
        self.fill(1500)
        for peer, number in zip(peers, numbers):
            self.assertEqual(self.positions(number, 1500, peer), list(range(1, 1501)))
            peer.close()

    def test_a_slow_reader_stops_nobody_and_loses_nothing(self):
        slow = harness.Peer(self.daemon.endpoint, receive_limit=2)
        number = slow.call("subscribe", **{"from": 1, "credit": 1 << 20})["subscription"]
        for _ in range(20):
            self.fill(1000, text="x" * 1000)
        self.assertEqual(self.writer.call("status")["head"], 20000)
        self.assertEqual(self.positions(number, 20000, slow), list(range(1, 20001)))
        slow.close()

    def test_a_peer_that_went_away_stops_nobody(self):
        for _ in range(20):
            with self.daemon.peer() as gone:
                gone.call("subscribe", **{"from": 1, "credit": 1 << 20})
        self.fill(3000)
        self.assertEqual(self.writer.call("read")["head"], 3000)

    def test_messages_stay_under_the_request_limit(self):
        for _ in range(3):
            self.writer.append([self.world.activity(text="x" * 60000) for _ in range(60)])
        self.subscribe(**{"from": 1})
        positions = []
        while len(positions) < 180:
            frame = self.peer.socket.recv()
            self.assertLessEqual(len(frame), 4 * 1024 * 1024)
            message = msgpack.unpackb(frame)
            if message[:2] == [2, "events"]:
                positions += [e["position"] for e in message[2][0]["events"]]
        self.assertEqual(positions, list(range(1, 181)))

    def test_a_req_that_could_not_take_it_is_refused(self):
        with self.daemon.peer(zmq.REQ) as peer:
            for params in ({}, {"name": "n"}):
                self.assertEqual(peer.fails("subscribe", **params).code, "invalid")
            self.assertEqual(peer.call("subscriptions")["subscriptions"], [])
            self.assertEqual(peer.call("status")["subscriptions"], 0)

    def test_a_dealer_that_delimits_is_told_so(self):
        subscribe = msgpack.packb([0, 7, "subscribe", [{"from": 1}]])
        self.peer.socket.send_multipart([b"", subscribe])
        self.assertEqual(msgpack.unpackb(self.peer.socket.recv_multipart()[-1])[:2], [1, 7])
        delimiter, note = self.peer.socket.recv_multipart()
        self.assertEqual((delimiter, msgpack.unpackb(note)[:2]), (b"", [2, "live"]))

    def test_a_subscription_outlives_refused_requests(self):
        subscription = self.subscribe()
        self.assertEqual(self.peer.fails("surprise").code, "unsupported")
        self.fill(1)
        self.assertEqual(self.positions(subscription, 1), [1])


class Feed(harness.DaemonCase):
    def setUp(self):
        super().setUp()
        self.world = World()
        self.sub = zmq.Context.instance().socket(zmq.SUB)
        self.sub.linger = 0
        self.sub.rcvtimeo = harness.WAIT_S * 1000
        self.sub.connect(self.daemon.feed)
        self.addCleanup(self.sub.close)

    def follow(self, prefix):
        """Subscribe, and wait for the heartbeat that shows the subscription has arrived."""
        self.sub.subscribe(prefix)
        self.sub.subscribe(b"heartbeat")
        while self.sub.recv_multipart()[0] != b"heartbeat":
            pass

    def next_event(self):
        while True:
            topic, body = self.sub.recv_multipart()
            if topic != b"heartbeat":
                return topic.decode("utf-8"), msgpack.unpackb(body)

    def test_every_event_under_its_topic(self):
        self.follow(b"")
        events = self.world.foundation()
        self.peer.append(events)
        for number, event in enumerate(events, 1):
            topic, message = self.next_event()
            self.assertEqual(topic, f"{event['type']} {event['subject']}")
            self.assertEqual(message[:2], [2, "events"])
            self.assertEqual(len(message[2]), 1)
            self.assertEqual([harness.bare(e) for e in message[2][0]["events"]], [event])
            self.assertEqual(message[2][0]["events"][0]["position"], number)
            self.assertGreaterEqual(message[2][0]["head"], number)
        self.assertEqual([e["position"] for e in self.peer.read_all()],
                         list(range(1, len(events) + 1)))

    def test_a_prefix_chooses(self):
        self.follow(b"programme.")
        self.peer.append(self.world.foundation())
        self.assertEqual([self.next_event()[0] for _ in range(2)],
                         ["programme.agreed programme/w1", "programme.opened programme/w1"])

    def test_a_whole_topic_chooses(self):
        self.follow(b"network.member-joined network/w1-net")
        self.peer.append(self.world.foundation())
        for code in ("0101", "0151"):
            self.assertEqual(self.next_event()[1][2][0]["events"][0]["data"]["municipality"], code)

    def test_heartbeats(self):
        self.peer.append(self.world.activities(3))
        self.sub.subscribe(b"heartbeat")
        for _ in range(2):
            topic, body = self.sub.recv_multipart()
            self.assertEqual((topic, msgpack.unpackb(body)),
                             (b"heartbeat", [2, "heartbeat", [{"head": 3}]]))

    def test_refused_dry_and_repeated_events_are_not_on_the_feed(self):
        self.follow(b"")
        event = self.world.activity()
        self.peer.append(self.world.activity(), dry_run=True)
        self.peer.fails("append", events=[event, event | {"type": "no.such"}])
        self.peer.append(event)
        self.peer.append(event)
        last = self.world.activity("last")
        self.peer.append(last)
        got = [self.next_event()[1][2][0]["events"][0] for _ in range(2)]
        self.assertEqual([e["id"] for e in got], [event["id"], last["id"]])

    def test_a_reader_that_never_reads_stops_nobody(self):
        self.sub.rcvhwm = 1
        self.sub.subscribe(b"")
        for _ in range(20):
            self.peer.append(self.world.activities(1000, text="x" * 500))
        self.assertEqual(self.peer.call("status")["head"], 20000)


if __name__ == "__main__":
    harness.main()

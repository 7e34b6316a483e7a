#!/usr/bin/python3
"""A client nobody here wrote speaks the protocol: frames, hello, append, and what the daemon makes
of bad input."""
import hashlib
import random

import msgpack
import zmq

import harness
from small_world import World, changed

EVENT_MAX = 64 * 1024
REQUEST_MAX = 4 * 1024 * 1024
FRAME_FAULTS = ("malformed", "invalid")


def canonical(event):
    """The canonical encoding, as the contract states it: sorted keys, shortest forms, specversion
    filled in."""
    def ordered(value):
        if isinstance(value, dict):
            return {k: ordered(value[k]) for k in sorted(value, key=lambda k: k.encode("utf-8"))}
        return [ordered(v) for v in value] if isinstance(value, list) else value
    return msgpack.packb(ordered({"specversion": "1.0", **event}), use_bin_type=True)


def nested(depth):
    """Lists inside each other, `depth` of them."""
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


class ProtocolCase(harness.DaemonCase):
    def setUp(self):
        super().setUp()
        self.world = World()

    def fails(self, code, method, **params):
        error = self.peer.fails(method, **params)
        self.assertEqual(error.code, code, error)
        return error

    def refuses_event(self, code, event):
        head = self.peer.call("status")["head"]
        error = self.fails(code, "append", events=[event])
        self.assertEqual(error.detail.get("index"), 0, error)
        self.assertEqual(self.peer.call("status")["head"], head)
        return error

    def append_raw(self, packed_event, msgid=7):
        """Append one event in a spelling of its own."""
        self.peer.send_raw(b"\x94\x00" + msgpack.packb(msgid) + b"\xa6append\x91\x81\xa6events\x91"
                           + packed_event)
        return self.peer.result(msgid)


class Frames(ProtocolCase):
    def test_hello(self):
        hello = self.peer.call("hello", client="stranger/1", protocol=1)
        self.assertEqual(hello["protocol"], 1)
        self.assertEqual(hello["head"], 0)
        self.assertTrue(hello["server"] and hello["log"])
        self.assertEqual(self.peer.call("hello")["log"], hello["log"])
        self.assertEqual(self.peer.call("status")["log"], hello["log"])
        self.fails("unsupported", "hello", client="stranger/1", protocol=2)

    def test_status_of_an_empty_log(self):
        status = self.peer.call("status")
        self.assertEqual(status["head"], 0)
        self.assertEqual(status["root"], hashlib.sha256(b"").hexdigest())
        self.assertTrue(status["version"])
        self.assertGreaterEqual(status["uptime"], 0)
        self.assertGreaterEqual(status["peers"], 0)
        self.assertEqual(set(status["views"]), set(harness.ALL_VIEWS))
        self.assertIn("stores", status)

    def test_msgid_goes_from_0_to_the_largest_of_32_bits(self):
        for msgid in (0, 1, 127, 128, 65535, 2**31, 2**32 - 1):
            self.assertEqual(self.peer.result(self.peer.send("hello", {}, msgid))["protocol"], 1)

    def test_an_empty_list_of_params_is_an_empty_map(self):
        self.peer.send_raw(msgpack.packb([0, 5, "hello", []]))
        self.assertEqual(self.peer.result(5)["head"], 0)

    def test_a_frame_that_is_no_request_is_answered_with_msgid_0(self):
        hello = msgpack.packb([0, 9, "hello", [{}]])
        frames = [b"\xc1", hello[:-1], hello + b"\x00", b"hello", b"\x94", b"\xdd\xff\xff\xff\xff",
                  b"\xdd\x10\x00\x00\x00", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xffabc",
                  b"\x91" * 5000,
                  msgpack.packb({}), msgpack.packb([]), msgpack.packb([0]),
                  msgpack.packb([0, 9, "hello"]),
                  msgpack.packb([0, 2**32, "hello", [{}]]), msgpack.packb([0, -1, "hello", [{}]]),
                  msgpack.packb([0, "9", "hello", [{}]]), msgpack.packb([7, 9, "hello", [{}]]),
                  msgpack.packb(None)]
        for frame in frames:
            with self.subTest(frame=frame[:40]), self.daemon.peer() as peer:
                peer.send_raw(frame)
                message = peer.receive()
                self.assertEqual(message[:2], [1, 0])
                self.assertIn(message[2]["code"], FRAME_FAULTS + ("too-large",))
                self.assertEqual(peer.call("hello")["protocol"], 1)

    def test_bytes_that_are_no_messagepack_are_malformed(self):
        for frame in (b"\xc1", msgpack.packb([0, 9, "hello", [{}]])[:-1]):
            with self.daemon.peer() as peer:
                peer.send_raw(frame)
                error = peer.receive()[2]
                self.assertEqual((error["code"], error["detail"].get("rule")),
                                 ("malformed", "not-json"))

    def test_a_request_of_wrong_shape_is_refused(self):
        for frame in ([0, 9, 5, [{}]], [0, 9, "hello", {}], [0, 9, "hello", [1]],
                      [0, 9, "hello", [{}, {}]],
                      [0, 9, "hello", "x"], [0, 9, "hello", [None]]):
            with self.subTest(frame=frame), self.daemon.peer() as peer:
                peer.send_raw(msgpack.packb(frame))
                message = peer.receive()
                self.assertIn(message[1], (0, 9))
                self.assertIn(message[2]["code"], FRAME_FAULTS)

    def test_junk_of_every_length_is_answered_and_survived(self):
        chance = random.Random(harness.seed())
        good = msgpack.packb([0, 9, "append", [{"events": [self.world.activity()]}]])
        for number in range(300):
            junk = bytearray(good)
            for _ in range(chance.randint(1, 8)):
                junk[chance.randrange(len(junk))] = chance.randrange(256)
            junk = bytes(junk[:chance.randint(0, len(junk))] if number % 2 else junk)
            self.peer.send_raw(junk)
            hello = self.peer.send("hello", {}, 1000 + number)
            while self.peer.receive()[:2] != [1, hello]:
                pass

    def test_messages_of_several_frames_do_not_stop_the_daemon(self):
        with self.daemon.peer() as peer:
            peer.socket.send_multipart([b"", msgpack.packb([0, 1, "hello", [{}]])])
            self.assertEqual(peer.socket.recv_multipart()[0], b"")
            peer.socket.send_multipart([b"a", b"b", b"c"])
            peer.socket.send_multipart([b"", b"", b""])
        self.assertEqual(self.peer.call("hello")["protocol"], 1)

    def test_a_notification_nobody_knows_is_no_harm(self):
        self.peer.notify("surprise", subscription=1)
        self.peer.notify("credit", subscription=99, add=5)
        self.peer.notify("unsubscribe", subscription=99)
        self.assertEqual(self.peer.call("hello")["protocol"], 1)

    def test_a_req_is_served_like_a_dealer(self):
        with self.daemon.peer(zmq.REQ) as peer:
            self.assertEqual(peer.call("hello", client="req", protocol=1)["protocol"], 1)
            self.assertEqual(peer.append(self.world.activity())["first"], 1)
            self.assertEqual(peer.call("read")["head"], 1)
            self.assertEqual(peer.fails("surprise").code, "unsupported")
            peer.socket.send(b"\xc1")
            self.assertEqual(peer.receive()[1], 0)
            self.assertEqual(peer.call("status")["head"], 1)

    def test_many_requests_in_flight_get_one_answer_each(self):
        sent = [self.peer.send("append", {"events": [self.world.activity()]}) for _ in range(300)]
        answers = [self.peer.result(m) for m in reversed(sent)]
        self.assertEqual([a["first"] for a in answers], list(range(300, 0, -1)))

    def test_a_frame_over_the_request_limit_costs_its_peer_the_connection_and_nothing_else(self):
        with self.daemon.peer() as peer:
            monitor = peer.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            peer.send_raw(bytes(REQUEST_MAX + 4096))
            self.assertTrue(monitor.poll(harness.WAIT_S * 1000))
            peer.socket.disable_monitor()
        self.assertEqual(self.peer.append(self.world.activity())["first"], 1)

    def test_a_request_just_under_the_limit_is_served(self):
        events = [self.world.activity(text="x" * 65000) for _ in range(64)]
        size = len(msgpack.packb([0, 1, "append", [{"events": events}]]))
        self.assertLess(size, REQUEST_MAX)
        self.assertEqual(self.peer.append(events)["last"], 64)

    def test_unknown_methods_and_parameters(self):
        self.fails("unsupported", "surprise")
        self.fails("unsupported", "")
        for method, params in (("hello", {}), ("append", {"events": [self.world.activity()]}),
                               ("read", {}),
                               ("query", {"view": "trial"}), ("subscribe", {}), ("verify", {}),
                               ("rebuild", {}),
                               ("status", {})):
            with self.subTest(method=method):
                error = self.fails("invalid", method, **params, surprise=1)
                self.assertIn("surprise", str(error.detail.get("field", "")) + error.message)
        self.assertEqual(self.peer.call("status")["head"], 0)

    def test_parameters_of_wrong_type_or_range(self):
        for method, params in (("append", {}), ("append", {"events": []}),
                               ("append", {"events": "x"}),
                               ("append", {"events": [1]}),
                               ("append", {"events": [self.world.activity()],
                                           "dry_run": 1}),
                               ("append", {"events": [self.world.activity()], "expect": []}),
                               ("append",
                                {"events": [self.world.activity()], "expect": {"case/x": "1"}}),
                               ("append",
                                {"events": [self.world.activity()], "expect": {"case/x": -1}}),
                               ("read", {"limit": "x"}), ("read", {"limit": 1025}),
                               ("read", {"from": -1}),
                               ("read", {"types": "trial."}), ("read", {"backwards": 1}),
                               ("read", {"as_of": "x"}),
                               ("read", {"as_of": 5}), ("read", {"known_at": "2020-13-01"}),
                               ("query", {}), ("query", {"view": None}), ("append", {"events": None}),
                               ("query", {"view": 5}), ("query", {"view": "trial", "where": []}),
                               ("query", {"view": "trial", "where": {"surprise": 1}}),
                               ("hello", {"protocol": "1"}),
                               ("query", {"view": "trial", "limit": -1}),
                               ("subscribe", {"credit": "x"}),
                               ("verify", {"root": "zz", "size": 1})):
            with self.subTest(method=method, params=params):
                self.fails("invalid", method, **params)

    def test_no_such_view(self):
        self.fails("not-found", "query", view="surprise")
        self.fails("not-found", "rebuild", view="surprise")


class Append(ProtocolCase):
    def test_what_append_answers(self):
        events = [self.world.activity("a"), self.world.activity("b"), self.world.activity("a")]
        self.assertEqual(self.peer.append(events), {
            "first": 1, "last": 3, "positions": [1, 2, 3], "revisions": [1, 1, 2],
            "duplicates": [False] * 3,
            "warnings": []})

    def test_what_is_read_is_what_was_sent(self):
        event = self.world.activity(text="æøå \U0001f600", n=-5, f=1.5, yes=True, no=None,
                                    list=[1, [2, {"k": "v"}]])
        self.peer.append(event)
        read = self.peer.call("read")["events"][0]
        self.assertEqual(harness.bare(read), event)
        self.assertEqual((read["specversion"], read["position"], read["revision"]), ("1.0", 1, 1))
        self.assertRegex(read["ingesttime"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertIsInstance(read["data"]["f"], float)

    def test_a_duplicate_gets_its_first_answer_again(self):
        events = [self.world.activity("a"), self.world.activity("b")]
        first = self.peer.append(events)
        self.peer.append(self.world.activity("a"))
        again = self.peer.append(events)
        self.assertEqual(again, {**first, "duplicates": [True, True]})
        with self.daemon.peer() as other:
            self.assertEqual(other.append([events[1], events[0]])["positions"], [2, 1])
        self.assertEqual(self.peer.call("status")["head"], 3)

    def test_a_duplicate_inside_one_request(self):
        event = self.world.activity()
        answer = self.peer.append([event, event])
        self.assertEqual((answer["positions"], answer["duplicates"]), ([1, 1], [False, True]))
        self.assertEqual(self.peer.call("status")["head"], 1)

    def test_duplicates_and_new_events_in_one_request(self):
        old = self.world.activity("a")
        self.peer.append(old)
        answer = self.peer.append([self.world.activity("b"), old, self.world.activity("a")])
        self.assertEqual((answer["positions"], answer["duplicates"]),
                         ([2, 1, 3], [False, True, False]))
        self.assertEqual(answer["revisions"], [1, 1, 2])

    def test_other_content_under_the_same_id_is_a_conflict(self):
        event = self.world.activity()
        self.peer.append(event)
        for other in (changed(event, data={"activity": "other"}),
                      changed(event, time="2020-01-01T01:00:00+01:00"),
                      changed(event, subject="case/other"), changed(event, extra="x")):
            error = self.refuses_event("duplicate-conflict", other)
            self.assertEqual(error.detail["rule"], "duplicate-id")
            self.assertEqual(error.detail["position"], 1)
        self.assertEqual(self.peer.append(changed(event, source="/dk/presse/other"))["first"], 2)
        clash = self.world.activity()
        error = self.fails("duplicate-conflict", "append",
                           events=[clash, changed(clash, data={"n": 1})])
        self.assertEqual(error.detail["index"], 1)

    def test_a_duplicate_is_found_before_the_rules_and_before_expect(self):
        foundation = self.world.foundation()
        self.peer.append(foundation)
        self.assertEqual(self.peer.append(foundation[0])["duplicates"], [True])
        answer = self.peer.append(foundation[1], expect={foundation[1]["subject"]: 1})
        self.assertEqual(answer["duplicates"], [True])

    def test_expect(self):
        subject = "case/w1-c1"
        self.assertEqual(self.peer.append(self.world.activity(), expect={subject: 0})["first"], 1)
        for wrong in (0, 2, 99):
            error = self.fails("conflict", "append", events=[self.world.activity()],
                               expect={subject: wrong})
            self.assertEqual(error.detail["revision"], 1)
        self.assertEqual(self.peer.append(self.world.activities(2),
                                          expect={subject: 1})["revisions"], [2, 3])
        self.fails("conflict", "append", events=[self.world.activity()],
                   expect={subject: 3, "case/none": 1})
        self.assertEqual(self.peer.append(self.world.activity(),
                                          expect={subject: 3, "case/none": 0})["last"], 4)

    def test_a_dry_run_answers_the_same_and_keeps_nothing(self):
        world = self.world
        events = world.foundation() + world.trial("running", leave_out=("baseline", "target"))
        dry = self.peer.append(events, dry_run=True)
        self.assertEqual(self.peer.call("status")["head"], 0)
        self.assertEqual(self.peer.call("read")["events"], [])
        self.assertEqual(self.peer.call("query", view="trial")["rows"], [])
        self.assertEqual(self.peer.append(events, dry_run=True), dry)
        self.assertEqual(self.peer.append(events), dry)
        self.assertEqual({w["rule"] for w in dry["warnings"]} & {"no-baseline", "no-target"},
                         {"no-baseline", "no-target"})
        started = [i for i, e in enumerate(events) if e["type"] == "trial.started"][0]
        for warning in dry["warnings"]:
            self.assertEqual(set(warning), {"index", "rule", "message"})
            if warning["rule"] in ("no-baseline", "no-target"):
                self.assertEqual(warning["index"], started)
        error = self.fails("refused", "append", events=[world.agreed()], dry_run=True)
        self.assertEqual(error.detail["rule"], "illegal-transition")

    def test_all_events_of_a_request_or_none(self):
        events = [self.world.activity(), self.world.activity(), self.world.agreed(),
                  self.world.agreed()]
        error = self.fails("refused", "append", events=events)
        self.assertEqual((error.detail["index"], error.detail["rule"]), (3, "illegal-transition"))
        self.assertEqual(self.peer.call("read")["events"], [])
        self.assertEqual(self.peer.call("query", view="programme")["rows"], [])
        self.assertEqual(self.peer.append(events[:3])["positions"], [1, 2, 3])
        bad = changed(self.world.activity(), type="no.such")
        self.assertEqual(self.fails("unknown-type", "append",
                                    events=[self.world.activity(), bad]).detail["index"], 1)

    def test_a_refusal_hurts_no_neighbour(self):
        sent = []
        for number in range(60):
            event = self.world.activity() if number % 3 else changed(self.world.activity(),
                                                                     subject="trial/none")
            sent.append((number, self.peer.send("append", {"events": [event]})))
        positions = []
        for number, msgid in sent:
            if number % 3:
                positions.append(self.peer.result(msgid)["first"])
            else:
                self.assertRaises(harness.WireError, self.peer.result, msgid)
        self.assertEqual(positions, list(range(1, 41)))

    def test_appends_of_one_connection_see_those_before_them(self):
        sent = [self.peer.send("append", {"events": [e]}) for e in self.world.foundation()
                + self.world.trial("assessed")]
        self.assertEqual([self.peer.result(m)["first"] for m in sent],
                         list(range(1, len(sent) + 1)))

    def test_many_writers_at_once(self):
        """The log has every event once, each writer's in its order, and no gap anywhere."""
        peers = [self.daemon.peer() for _ in range(12)]
        sent = []
        for number in range(40):
            for index, peer in enumerate(peers):
                events = [self.world.activity(f"p{index}"), self.world.activity("shared")]
                sent.append((peer, peer.send("append", {"events": events}), events, index, number))
        places = {}
        for peer, msgid, events, index, number in sent:
            answer = peer.result(msgid)
            self.assertEqual(answer["positions"][1], answer["positions"][0] + 1)
            self.assertEqual(answer["revisions"][0], number + 1, index)
            places.update(zip((e["id"] for e in events), answer["positions"]))
        self.assertEqual(sorted(places.values()), list(range(1, 12 * 40 * 2 + 1)))
        log = self.peer.read_all()
        self.assertEqual({e["id"]: e["position"] for e in log}, places)
        shared = [e["revision"] for e in log if e["subject"] == "case/w1-shared"]
        self.assertEqual(shared, list(range(1, 12 * 40 + 1)))
        for peer in peers:
            peer.close()

    def test_what_was_acknowledged_is_read_at_once_on_any_connection(self):
        with self.daemon.peer() as other:
            for number in range(1, 30):
                self.peer.append(changed(self.world.registered(f"{number:04}")))
                self.assertEqual(other.call("read", **{"from": number})["head"], number)
                self.assertEqual(len(other.call("query", view="municipality")["rows"]), number)

    def test_as_many_events_as_a_request_may_hold_and_one_more(self):
        self.assertEqual(self.peer.append(self.world.activities(1024))["last"], 1024)
        self.fails("too-large", "append", events=self.world.activities(1025))
        self.assertEqual(self.peer.call("status")["head"], 1024)

    def test_an_event_as_large_as_may_be_and_one_byte_more(self):
        event = self.world.activity(text="x" * 60000)
        event["data"]["text"] += "x" * (EVENT_MAX - len(canonical(event)))
        self.assertEqual(len(canonical(event)), EVENT_MAX)
        self.assertEqual(self.peer.append(event)["first"], 1)
        larger = changed(event, id="larger-000")
        larger["data"]["text"] += "x" * (EVENT_MAX + 1 - len(canonical(larger)))
        error = self.refuses_event("too-large", larger)
        self.assertEqual(error.detail["rule"], "too-large")
        self.assertEqual(harness.bare(self.peer.call("read")["events"][0]), event)

    def test_nesting_as_deep_as_may_be_and_one_deeper(self):
        self.assertEqual(self.peer.append(self.world.activity(deep=nested(14)))["first"], 1)
        self.assertEqual(self.refuses_event("too-large",
                                            self.world.activity(deep=nested(15))).detail["rule"],
                         "too-large")
        self.fails("too-large", "append", events=[self.world.activity(deep=nested(500))])

    def test_lengths_of_names(self):
        self.peer.append(changed(self.world.activity(), id="i" * 128, source="/" + "s" * 255,
                                 subject="case/" + "c" * 251))
        for change in ({"id": "i" * 129}, {"id": ""}, {"source": "/" + "s" * 256}, {"source": ""},
                       {"subject": "case/" + "c" * 252}):
            with self.subTest(change=str(change)[:20]):
                error = self.peer.fails("append", events=[changed(self.world.activity(), **change)])
                self.assertIn(error.code, ("invalid", "too-large"))

    def test_whole_numbers_of_64_bits(self):
        numbers = [2**64 - 1, 2**63, 2**63 - 1, -2**63, 0, -1, 2**53 + 1]
        self.peer.append(self.world.activity(numbers=numbers))
        self.assertEqual(self.peer.call("read")["events"][0]["data"]["numbers"], numbers)
        self.assertEqual(self.daemon.log()[0]["data"]["numbers"], numbers)

    def test_extension_attributes_are_kept(self):
        extra = {"traceparent": "00-ab-cd-01", "count": 7, "flag": True, "a" * 20: "twenty"}
        self.peer.append({**self.world.activity(), **extra})
        read = self.peer.call("read")["events"][0]
        self.assertEqual({k: read[k] for k in extra}, extra)
        for name, value in (("Upper", "x"), ("a" * 21, "x"), ("1a", "x"), ("with_underscore", "x"),
                            ("float", 1.5),
                            ("list", []), ("map", {})):
            with self.subTest(name=name):
                self.refuses_event("invalid", {**self.world.activity(), name: value})

    def test_nil_is_absent(self):
        event = self.world.activity()
        self.peer.append({**event, "extra": None, "specversion": None})
        self.assertNotIn("extra", self.peer.call("read")["events"][0])
        self.assertEqual(self.peer.append(event)["duplicates"], [True])
        for name in ("id", "source", "type", "subject", "time", "data"):
            error = self.refuses_event("invalid", {**self.world.activity(), name: None})
            self.assertEqual((error.detail["rule"], error.detail["field"]), ("missing-field", name))

    def test_what_the_daemon_adds_is_dropped_when_sent(self):
        event = self.world.activity()
        sent = {**event, "position": 77, "revision": 9, "ingesttime": "1999-01-01T00:00:00Z",
                "specversion": "1.0"}
        self.assertEqual(self.peer.append(sent)["first"], 1)
        read = self.peer.call("read")["events"][0]
        self.assertEqual((read["position"], read["revision"]), (1, 1))
        self.assertNotEqual(read["ingesttime"][:4], "1999")
        self.assertEqual(self.peer.append(event)["duplicates"], [True])
        self.assertEqual(self.peer.append(read)["duplicates"], [True])


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
"""Reading, querying, verifying over the wire: pages, filters, both clocks, and answers that stay
under their limit."""
import hashlib

import msgpack

import harness
from small_world import World

REQUEST_MAX = 4 * 1024 * 1024
FIELDS = {
    "programme": "subject programme title state periodFrom periodTo rounds networks municipalities "
                 "figures",
    "funnel": "programme submitted withdrawn rejected endorsed approved started abandoned lapsed "
              "completed evaluated assessed abandonedBy provenance",
    "network": "subject programme name theme state coordinator members trials submitted approved "
               "completed evaluated knowledge",
    "municipality": "subject name names region networks trials charters",
    "trial": "subject programme network round title state since participants next missing "
             "exemptions evaluations",
    "exemption": "exemptionId subject programme act section ministry effect participants validFrom "
                 "validTo state",
    "evaluation": "evaluationId programme mode evaluator dueBy trials conclusion recommendsSpread "
                  "state",
    "outcome": "subject programme indicator unit baseline target direction dueBy latest final "
               "corrections missing result",
    "law": "subject programme title role form state number inForce inspiredBy",
    "deadline": "kind subject programme due state days",
    "figure": "programme metric value asOf document computed agrees",
    "refusal": "programme reason ministry round count",
    "duration": "programme step round ministry count least median most",
    "finding": "rule subject programme time position message"}


class Read(harness.ImportedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.peer = cls.daemon.peer()
        cls.addClassCleanup(cls.peer.close)

    def ids(self, **params):
        return [e["id"] for e in self.peer.read_all(**params)]

    def wanted(self, chosen):
        return [e["id"] for e in self.events if chosen(e)]

    def test_pages_join_to_the_whole_log(self):
        whole = self.peer.read_all()
        self.assertEqual([harness.bare(e) for e in whole], self.events)
        for limit in (1000, 1024, 77):
            self.assertEqual(self.peer.read_all(limit=limit), whole)

    def test_one_page(self):
        page = self.peer.call("read", **{"from": 5, "limit": 3})
        self.assertEqual([e["position"] for e in page["events"]], [5, 6, 7])
        self.assertEqual((page["next"], page["head"]), (8, 1866))
        self.assertEqual(set(page), {"events", "next", "head"})
        last = self.peer.call("read", **{"from": 1866, "limit": 3})
        self.assertEqual((len(last["events"]), last["next"]), (1, 0))
        beyond = self.peer.call("read", **{"from": 1867})
        self.assertEqual((beyond["events"], beyond["next"], beyond["head"]), ([], 0, 1866))
        self.assertEqual(self.peer.call("read", **{"from": 2**62})["events"], [])

    def test_a_page_is_a_thousand_and_twenty_four_by_itself(self):
        page = self.peer.call("read")
        self.assertEqual((len(page["events"]), page["next"]), (1024, 1025))

    def test_backwards(self):
        page = self.peer.call("read", backwards=True, limit=3)
        self.assertEqual([e["position"] for e in page["events"]], [1866, 1865, 1864])
        self.assertEqual(page["next"], 1863)
        positions, start = [], 1866
        while start:
            page = self.peer.call("read", **{"from": start, "backwards": True, "limit": 500})
            positions += [e["position"] for e in page["events"]]
            start = page["next"]
        self.assertEqual(positions, list(range(1866, 0, -1)))
        found, start = [], 1866
        while start:
            page = self.peer.call("read", **{"from": start, "backwards": True, "limit": 2,
                                             "subject": "trial/ff2-018"})
            found += [e["id"] for e in page["events"]]
            start = page["next"]
        self.assertEqual(found[::-1], self.ids(subject="trial/ff2-018"))

    def test_subject(self):
        self.assertEqual(self.ids(subject="trial/ff2-018"),
                         self.wanted(lambda e: e["subject"] == "trial/ff2-018"))
        self.assertEqual(self.ids(subject="law/"),
                         self.wanted(lambda e: e["subject"].startswith("law/")))
        self.assertEqual(self.ids(subject="trial/", limit=100),
                         self.wanted(lambda e: e["subject"].startswith("trial/")))
        self.assertEqual(self.ids(subject="trial/none"), [])
        self.assertEqual(self.ids(subject="trial/ff2-01"), [])
        self.assertEqual(self.ids(subject="case/"), [])

    def test_types(self):
        self.assertEqual(self.ids(types=["trial.approved"]),
                         self.wanted(lambda e: e["type"] == "trial.approved"))
        self.assertEqual(self.ids(types=["trial."]),
                         self.wanted(lambda e: e["type"].startswith("trial.")))
        self.assertEqual(self.ids(types=["law.", "trial.started"]), self.wanted(
            lambda e: e["type"].startswith("law.") or e["type"] == "trial.started"))
        self.assertEqual(self.ids(types=["trial"]), [])
        self.assertEqual(self.ids(types=["trial.started"], limit=7),
                         self.wanted(lambda e: e["type"] == "trial.started"))

    def test_programme(self):
        self.assertEqual(self.ids(programme="ff2"),
                         self.wanted(lambda e: e["type"] != "municipality.registered"))
        self.assertEqual(self.ids(programme="ff"), [])

    def test_filters_must_all_hold(self):
        got = self.ids(subject="trial/", types=["measurement.recorded"], programme="ff2",
                       as_of="2019-06-30", limit=9)
        self.assertEqual(got, self.wanted(lambda e: e["type"] == "measurement.recorded"
                                          and e["time"] < "2019-07-01"))

    def test_as_of_and_known_at(self):
        self.assertEqual(self.ids(as_of="2016-12-31"),
                         self.wanted(lambda e: e["time"] < "2017-01-01"))
        instant = self.events[500]["time"]
        self.assertEqual(self.ids(as_of=instant), self.wanted(lambda e: e["time"] <= instant))
        self.assertEqual(self.ids(known_at=100), self.wanted(lambda e: True)[:100])
        self.assertEqual(self.ids(known_at="2020-01-01"), [])
        self.assertEqual(len(self.ids(known_at="2100-01-01")), 1866)
        self.assertEqual(self.ids(known_at=300, as_of="2016-12-31"),
                         self.wanted(lambda e: e["time"] < "2017-01-01"))

    def test_known_at_the_ingest_time_of_an_event_is_inclusive(self):
        events = self.peer.read_all()
        instant = events[900]["ingesttime"]
        self.assertEqual(self.ids(known_at=instant),
                         [e["id"] for e in events if e["ingesttime"] <= instant])

    def test_verify(self):
        status = self.peer.call("status")
        self.assertEqual(len(status["root"]), 64)
        verified = self.peer.call("verify")
        self.assertEqual((verified["size"], verified["root"], verified["bad"]),
                         (1866, status["root"], 0))
        same = self.peer.call("verify", size=1866, root=status["root"])
        self.assertIs(same["same"], True)
        self.assertIs(self.peer.call("verify", size=1866,
                                     root=status["root"].upper())["same"], True)
        self.assertIs(self.peer.call("verify", size=1865, root=status["root"])["same"], False)
        for root in (status["root"][:-1], status["root"][:-1] + "g", "\xe6" * 32):
            refused = self.peer.fails("verify", size=1866, root=root)
            self.assertEqual((refused.code, refused.detail["field"]), ("invalid", "root"))
        self.assertIs(self.peer.call("verify", size=0,
                                     root=hashlib.sha256(b"").hexdigest())["same"], True)
        self.assertIs(self.peer.call("verify", size=5000, root=status["root"])["same"], False)


class Query(harness.ImportedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.peer = cls.daemon.peer()
        cls.addClassCleanup(cls.peer.close)

    def test_pages_join_to_the_unpaged_answer(self):
        for view in harness.VIEWS:
            whole = self.peer.query_all(view)
            self.assertTrue(whole, view)
            for limit in (1 if len(whole) < 50 else 11, 7, 1000):
                with self.subTest(view=view, limit=limit):
                    self.assertEqual(self.peer.query_all(view, limit=limit), whole)

    def test_pages_of_a_filtered_or_past_answer(self):
        for params in ({"where": {"state": "assessed"}}, {"as_of": "2018-02-28"},
                       {"known_at": 1000},
                       {"where": {"network": "ff2-bolig"}, "as_of": "2018-12-31",
                        "known_at": 1800}):
            whole = self.peer.query_all("trial", **params)
            self.assertTrue(whole)
            for limit in (1, 10):
                self.assertEqual(self.peer.query_all("trial", limit=limit, **params), whole)

    def test_what_query_answers(self):
        answer = self.peer.call("query", view="trial", limit=5)
        self.assertEqual(set(answer), {"view", "position", "rows", "next"})
        self.assertEqual((answer["view"], answer["position"], len(answer["rows"])),
                         ("trial", 1866, 5))
        self.assertIsNotNone(answer["next"])
        self.assertEqual(self.peer.call("query", view="trial", known_at=700)["position"], 700)

    def test_rows_stand_in_the_order_of_their_keys(self):
        subjects = [r["subject"] for r in self.peer.query_all("trial")]
        self.assertEqual(subjects, sorted(subjects))
        self.assertEqual(len(set(subjects)), 107)

    def test_one_row_by_its_key(self):
        for view, subject in (("programme", "programme/ff2"), ("network", "network/ff2-akut"),
                              ("municipality", "municipality/0159"), ("trial", "trial/ff2-018"),
                              ("law", "law/dk-2017-658")):
            with self.subTest(view=view):
                whole = [r for r in self.peer.query_all(view) if r["subject"] == subject]
                short = self.peer.call("query", view=view, key=subject.split("/")[1])["rows"]
                self.assertEqual(short, whole)
        self.assertEqual(self.peer.call("query", view="trial", key="none")["rows"], [])

    def test_where(self):
        rows = self.peer.query_all("trial")
        for where, chosen in (
                ({"state": "assessed"}, lambda r: r["state"] == "assessed"),
                ({"round": 2}, lambda r: r["round"] == 2),
                ({"round": "2"}, lambda r: r["round"] == 2),
                ({"participants": "0159"}, lambda r: "0159" in r["participants"]),
                ({"state": "assessed", "network": "ff2-bolig"},
                 lambda r: r["state"] == "assessed" and r["network"] == "ff2-bolig"),
                ({"missing": "baseline"}, lambda r: "baseline" in r["missing"]),
                ({"state": "surprise"}, lambda r: False)):
            with self.subTest(where=where):
                self.assertEqual(self.peer.query_all("trial", where=where),
                                 [r for r in rows if chosen(r)])

    def test_every_row_carries_the_fields_of_its_view(self):
        for view in harness.VIEWS:
            for row in self.peer.query_all(view):
                self.assertEqual(set(FIELDS[view].split()) - set(row), set(), (view, row))

    def test_every_field_of_a_row_may_be_asked_for(self):
        for view in harness.VIEWS:
            first = self.peer.query_all(view)[0]
            for field, value in first.items():
                if isinstance(value, (str, int)) and not isinstance(value, bool):
                    with self.subTest(view=view, field=field):
                        rows = self.peer.query_all(view, where={field: value})
                        self.assertIn(first, rows)
                        self.assertEqual({r[field] for r in rows}, {value})

    def test_in_force_on_a_day(self):
        rows = self.peer.query_all("exemption")
        for day in ("2017-03-08", "2017-03-09", "2018-06-01", "2021-12-31", "2022-01-01",
                    "2023-12-31", "2024-01-01"):
            with self.subTest(day=day):
                self.assertEqual(self.peer.query_all("exemption", where={"in-force": day}),
                                 [r for r in rows if r["validFrom"] <= day <= r["validTo"]])


class Limits(harness.DaemonCase):
    def test_an_answer_stays_under_the_request_limit(self):
        world = World()
        for _ in range(4):
            self.peer.append([world.activity(text="x" * 60000) for _ in range(60)])
        page_count, start, positions = 0, 1, []
        while start:
            self.peer.send_raw(msgpack.packb([0, 4, "read", [{"from": start}]]))
            frame = self.peer.socket.recv()
            self.assertLessEqual(len(frame), REQUEST_MAX)
            answer = msgpack.unpackb(frame)[3]
            self.assertTrue(answer["events"])
            positions += [e["position"] for e in answer["events"]]
            start = answer["next"]
            page_count += 1
        self.assertEqual(positions, list(range(1, 241)))
        self.assertGreater(page_count, 3)

    def test_whose_history_is_of_a_programme(self):
        """What it is about, what names it, and the history of what began with its name."""
        world = World()
        begins = [world.activity("begins", programme="w1"), world.activity("begins")]
        names = [world.activity("names"), world.activity("names", programme="w1"),
                 world.activity("names"), world.activity("names", programme="w10")]
        self.peer.append([world.agreed(), world.activity("other", programme="w10"), *begins,
                          *names])
        self.assertEqual([e["position"] for e in self.peer.read_all(programme="w1")], [1, 3, 4, 6])
        self.assertEqual([e["position"] for e in self.peer.read_all(programme="w10")], [2, 8])

    def test_roots_of_a_growing_log(self):
        world = World()
        seen = []
        for _ in range(20):
            self.peer.append(world.activities(3))
            status = self.peer.call("status")
            seen.append((status["head"], status["root"]))
        self.assertEqual(len({root for _, root in seen}), 20)
        for size, root in seen:
            answer = self.peer.call("verify", size=size, root=root)
            self.assertEqual((answer["same"], answer["bad"], answer["size"], answer["root"]),
                             (True, 0, *seen[-1]))
        self.assertIs(self.peer.call("verify", size=seen[3][0], root=seen[4][1])["same"], False)


class Unread(harness.DaemonCase):
    """Answers that their peer does not take: what is made for it has a bound, whoever makes it."""

    arguments = ("--request-bytes", "64K", "--event-bytes", "4K")

    def setUp(self):
        super().setUp()
        self.slow = harness.Peer(self.daemon.endpoint, receive_limit=1)
        self.addCleanup(self.slow.close)

    def figures(self):
        answer = self.peer.call("metrics")
        return answer["counters"]["requests"], answer["gauges"]

    def test_a_short_history_waits_too(self):
        events = [{"type": "figure.reported", "subject": "case/1", "source": "/a", "id": str(number),
                   "time": "2020-01-01T00:00:00Z",
                   "data": {"metric": "m", "value": 1, "asOf": "2020-01-01", "document": "d" * 1500}}
                  for number in range(30)]
        self.peer.append(events)
        self.peer.call("verify")  # for which the tables are brought level
        asked = []
        for number in range(1, 101):  # each in a turn of its own
            asked.append(self.slow.send("read", {"subject": "case/1"}))
            requests, gauges = self.figures()
            while requests.get("read", {}).get("ok", 0) + gauges["reader_jobs"] < number:
                requests, gauges = self.figures()
        self.assertGreater(gauges["reader_jobs"], 0)
        for msgid in asked:
            self.assertEqual(len(self.slow.result(msgid)["events"]), len(events))

    def test_metrics_are_busy(self):
        for first in (0, 60):  # a line each makes the answer a large one
            with self.daemon.peer() as consumer:
                for number in range(first, first + 60):
                    consumer.call("subscribe", name=f"{number:064}")
        asked = [self.slow.send("metrics") for _ in range(500)]
        while self.figures()[0]["metrics"].get("busy", 0) == 0:
            pass
        refused = 0
        for msgid in asked:
            try:
                self.assertIn("gauges", self.slow.result(msgid))
            except harness.WireError as error:
                self.assertEqual(error.code, "busy")
                refused += 1
        self.assertGreater(refused, 0)
        self.assertIn("gauges", self.slow.call("metrics"))


if __name__ == "__main__":
    harness.main()

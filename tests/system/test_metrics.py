#!/usr/bin/python3
"""What the daemon measures of itself, as it answers `metrics`: every row, and that each moves with
what it counts."""
import re

import harness
from harness import WireError
from small_world import World

INCLUDE = harness.TESTS.parent / "include" / "trial"
ROW = re.compile(r"^METRIC\((\w+), *(\w+), *\"([^\"]*)\", *\"([^\"]*)\", *\"([^\"]+)\"\)$", re.M)
ROWS = {name: (kind, unit, labels)
        for kind, name, unit, labels, _ in ROW.findall((INCLUDE / "metrics.def").read_text())}
STAGES = re.findall(r"^STAGE\((\w+)", (INCLUDE / "stages.def").read_text(), re.M)
SECTIONS = {"COUNTER": "counters", "GAUGE": "gauges", "HISTOGRAM": "histograms"}
BUCKETS = 25


class Metrics(harness.DaemonCase):
    arguments = ("--commit-ms", "60000")  # nothing is committed by itself: what is behind stays so

    def setUp(self):
        super().setUp()
        self.world = World()

    def ask(self):
        answer = self.peer.call("metrics")
        return {**answer["counters"], **answer["gauges"], **answer["histograms"]}

    def grown(self, work):
        """What grew while the work was done: counters, and the counts of histograms by label."""
        before, _ = self.ask(), work()
        after, found = self.ask(), {}

        def note(name, old, new):
            if isinstance(new, dict) and "buckets" in new:
                old, new = (old or {"count": 0})["count"], new["count"]
            if isinstance(new, dict):
                for label, value in new.items():
                    note(f"{name}.{label}", (old or {}).get(label), value)
            elif new != (old or 0):
                found[name] = new - (old or 0)

        for name, (kind, _, _) in ROWS.items():
            if kind != "GAUGE":
                note(name, before[name], after[name])
        return found

    def test_every_row_is_answered_in_its_form(self):
        answer = self.peer.call("metrics")
        self.assertEqual(set(answer), {"version", "log", *SECTIONS.values()})
        self.assertEqual(answer["log"], self.peer.call("status")["log"])
        self.assertGreater(len(ROWS), 40)
        for kind, section in SECTIONS.items():
            self.assertEqual(set(answer[section]), {n for n, row in ROWS.items() if row[0] == kind})
        for name, (kind, unit, labels) in ROWS.items():
            self.assertTrue(not unit or name.endswith("_" + unit), name)
            values = [answer[SECTIONS[kind]][name]]
            for _ in labels.split(",") if labels else ():
                self.assertTrue(all(isinstance(v, dict) for v in values), name)
                values = [inner for v in values for inner in v.values()]
            for value in values:
                if kind == "HISTOGRAM":
                    self.assertEqual(set(value), {"buckets", "count", "sum"}, name)
                    self.assertEqual(len(value["buckets"]), BUCKETS)
                    self.assertEqual(sum(value["buckets"]), value["count"])
                    self.assertIsInstance(value["sum"], float)
                else:
                    self.assertIsInstance(value, float if unit == "seconds" else int, name)
        self.assertEqual(set(answer["histograms"]["stage_seconds"]), set(STAGES))

    def test_a_turn_leaves_its_mark_in_every_stage(self):
        grown = self.grown(lambda: self.peer.append(self.world.activities(7)))
        for stage in ("decode", "decide", "gather", "flush", "answer", "publish", "turn"):
            self.assertGreaterEqual(grown[f"stage_seconds.{stage}"], 1, stage)
        self.assertEqual(grown["stage_seconds.flush"], 1)
        self.assertEqual(grown["stage_seconds.publish"], 1)
        self.assertEqual(grown["flushes"], 1)
        self.assertEqual(grown["flushed_bytes"] % 4096, 0)
        self.assertEqual(grown["appended_events"], 7)
        self.assertEqual(grown["requests.append.ok"], 1)
        self.assertEqual(grown["requests.metrics.ok"], 1)  # the one before
        self.assertEqual(grown["received_messages"], 2)    # and this one
        self.assertGreater(grown["received_bytes"], 7 * 100)
        self.assertGreater(grown["sent_bytes"], 100)
        self.assertNotIn("duplicate_events", grown)
        self.assertNotIn("stage_seconds.commit", grown)
        metrics = self.ask()
        self.assertLessEqual(metrics["flush_slowest_seconds"],
                             metrics["stage_seconds"]["flush"]["sum"])
        self.assertGreater(metrics["flush_slowest_seconds"], 0)

    def test_repeats_refusals_and_dry_runs_are_told_apart(self):
        opened = self.world.opened()
        self.peer.append(opened)
        grown = self.grown(lambda: self.peer.append(opened))
        self.assertEqual((grown["duplicate_events"], grown["requests.append.ok"]), (1, 1))
        self.assertNotIn("appended_events", grown)
        self.assertNotIn("flushes", grown)
        again = {**opened, "id": "another"}
        rule = self.peer.fails("append", events=[again]).detail["rule"]
        grown = self.grown(lambda: self.peer.fails("append", events=[again]))
        self.assertEqual(grown[f"refused_appends.{rule}"], 1)
        self.assertEqual(grown["requests.append.refused"], 1)
        grown = self.grown(lambda: self.peer.fails("append", events=[again], dry_run=True))
        self.assertNotIn(f"refused_appends.{rule}", grown)
        grown = self.grown(lambda: self.peer.append(self.world.activity(), dry_run=True))
        self.assertNotIn("appended_events", grown)

    def test_requests_are_counted_by_what_became_of_them(self):
        def ask():
            self.peer.call("status")
            self.peer.call("read", limit=5)
            self.peer.call("query", view="funnel")
            self.peer.call("verify")
            self.peer.call("subscriptions")
            self.peer.call("rebuild")
            for method, params in (("query", {"view": "none"}), ("nothing", {}),
                                   ("status", {"x": 1}), ("parked", {"name": "none"})):
                self.peer.fails(method, **params)
        self.peer.append(self.world.activities(3))
        grown = self.grown(ask)
        counted = {name[9:]: n for name, n in grown.items() if name.startswith("requests.")}
        self.assertEqual(counted, {
            "status.ok": 1, "read.ok": 1, "query.ok": 1, "verify.ok": 1, "subscriptions.ok": 1,
            "rebuild.ok": 1, "query.not-found": 1, "unknown.unsupported": 1, "status.invalid": 1,
            "parked.not-found": 1, "metrics.ok": 1})
        self.assertEqual(grown["reader_seconds.query"], 2)
        self.assertEqual(grown["reader_seconds.verify"], 1)

    def test_a_commit_brings_the_views_level(self):
        self.peer.append(self.world.activities(5))
        metrics = self.ask()
        self.assertEqual(set(metrics["view_lag_events"].values()), {5})
        self.assertEqual(set(metrics["view_position"].values()), {0})
        self.assertEqual(metrics["log_size_events"], 5)
        grown = self.grown(lambda: self.peer.call("verify"))  # of what is in the tables
        self.assertEqual(grown["commits.ok"], grown["stage_seconds.commit"])
        self.assertEqual(grown["committed_events"], 5)
        self.assertGreater(grown["committed_rows"], 5)
        metrics = self.ask()
        self.assertEqual(set(metrics["view_lag_events"]), set(harness.ALL_VIEWS))
        self.assertEqual(set(metrics["view_lag_events"].values()), {0})
        self.assertEqual(metrics["lmdb_position"], 5)

    def test_subscriptions_and_how_far_behind_they_are(self):
        self.peer.append(self.world.activities(9))
        with self.daemon.peer() as reader:
            reader.call("subscribe", **{"from": 1, "credit": 4})
            self.assertEqual(len(reader.note("events")[1]["events"]), 4)
            metrics = self.ask()
            self.assertEqual(metrics["subscriptions"], 1)
            self.assertEqual(metrics["subscriptions_lag_events"], 5)
            self.assertGreaterEqual(metrics["peers"], 2)
            self.assertGreaterEqual(metrics["reader_seconds"]["page"]["count"], 1)
            self.assertGreaterEqual(metrics["notified_messages"], 1)
            self.assertGreater(metrics["notified_bytes"], 4 * 100)
            named = reader.call("subscribe", **{"from": 1, "name": "worker"})["subscription"]
            last = 0
            while last < 9:
                note = reader.note("events")[1]
                last = note["events"][-1]["position"] if note["subscription"] == named else 0
            reader.call("ack", name="worker", position=7)
            self.assertEqual(self.ask()["subscription_lag_events"], {"worker": 2})
            self.assertEqual(self.ask()["reader_jobs"], 0)

    def test_what_is_no_request_is_counted_too(self):
        def send():
            self.peer.send_raw(b"\xc1")
            try:
                self.peer.result(0)
            except WireError as error:
                self.assertEqual(error.code, "malformed")
        grown = self.grown(send)
        self.assertEqual(grown["requests.unknown.malformed"], 1)


if __name__ == "__main__":
    harness.main()

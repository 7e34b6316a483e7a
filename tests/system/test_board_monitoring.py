#!/usr/bin/python3
"""The examples for monitors: the rules for Prometheus and the dashboard for Grafana are what those
programs read, and name nothing that /metrics does not have."""
import json
import re
import shutil
import subprocess
import unittest

import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import harness
from board import Board

BOARD = harness.TESTS.parent / "client" / "board"
RULES, DASHBOARD = BOARD / "trialboard-alerts.yml", BOARD / "trialboard-grafana.json"
METRIC = re.compile(r"\b(?:triald|trialboard)_[a-z_]+")
SELECTED = re.compile(r"\b((?:triald|trialboard)_[a-z_]+)\{([^}]*)\}")


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with harness.Daemon() as daemon:
            board = Board(daemon).start()
            board.ask("/healthz")
            with daemon.peer() as peer:
                peer.call("subscribe", name="worker")
            text = board.ask("/metrics").body.decode()
            board.stop()
        families = list(text_string_to_metric_families(text))
        cls.samples = [s for family in families for s in family.samples]
        cls.counters = {f.name + "_total" for f in families if f.type == "counter"}
        cls.counters |= {f.name + "_bucket" for f in families if f.type == "histogram"}
        cls.rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
        cls.dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))

    def alerts(self):
        return [rule for group in self.rules["groups"] for rule in group["rules"]]

    def expressions(self):
        yield from ((rule["alert"], rule["expr"]) for rule in self.alerts())
        yield from ((panel["title"], target["expr"]) for panel in self.dashboard["panels"]
                    for target in panel["targets"])

    def labels_of(self, name):
        return [s.labels for s in self.samples if s.name == name]

    def test_what_they_ask_about_is_there(self):
        names = {s.name for s in self.samples}
        for where, expression in self.expressions():
            found = METRIC.findall(expression)
            self.assertTrue(found or "up{" in expression, where)
            for name in found:
                self.assertIn(name, names, where)
            for pairs in ("()", "[]", "{}"):
                self.assertEqual(expression.count(pairs[0]), expression.count(pairs[1]), where)

    def test_what_they_choose_is_told_apart(self):
        for where, expression in self.expressions():
            for name, selector in SELECTED.findall(expression):
                for label, _, wanted in re.findall(r'(\w+)(=~|!~|=|!=)"([^"]*)"', selector):
                    values = {labels[label] for labels in self.labels_of(name)}
                    for value in wanted.split("|"):
                        self.assertIn(value, values, where)

    def test_only_counters_have_rates(self):
        for where, expression in self.expressions():
            for name in re.findall(r"\b(?:rate|increase)\((\w+)[[{]", expression):
                self.assertIn(name, self.counters, where)
            for name in METRIC.findall(expression):
                if name in self.counters:
                    self.assertRegex(expression, rf"(rate|increase)\({name}(\{{[^}}]*\}})?\[", where)

    def test_rules_are_what_prometheus_reads(self):
        self.assertEqual(set(self.rules), {"groups"})
        names = [rule["alert"] for rule in self.alerts()]
        self.assertEqual(len(names), len(set(names)))
        for rule in self.alerts():
            self.assertLessEqual(set(rule), {"alert", "expr", "for", "labels", "annotations"})
            self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
            self.assertEqual(set(rule["annotations"]), {"summary", "description"})
            self.assertRegex(rule.get("for", "1m"), r"^\d+[smh]$")
            shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
            for name in METRIC.findall(rule["expr"])[:1]:
                self.assertLessEqual(shown - {"instance"}, set(self.labels_of(name)[0]), rule)
        if shutil.which("promtool"):
            subprocess.run(["promtool", "check", "rules", str(RULES)], check=True,
                           stdout=subprocess.DEVNULL)

    def test_every_condition_that_lasts_wakes_somebody(self):
        harmless = {"rebuilding", "verifying", "backing-up"}
        conditions = {labels["condition"] for labels in self.labels_of("triald_condition")}
        expression = next(r["expr"] for r in self.alerts() if r["alert"] == "TrialdCondition")
        excluded = set(re.search(r'!~"([^"]*)"', expression)[1].split("|"))
        self.assertEqual(excluded, harmless)
        self.assertTrue(harmless < conditions)

    def test_the_dashboard_is_one(self):
        self.assertEqual(len({p["id"] for p in self.dashboard["panels"]}),
                         len(self.dashboard["panels"]))
        taken = set()
        for panel in self.dashboard["panels"]:
            self.assertTrue(panel["title"] and panel["description"] and panel["targets"])
            self.assertIn(panel["type"], ("stat", "timeseries"))
            self.assertEqual(panel["datasource"]["uid"], "${datasource}")
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
            legends = [t["legendFormat"] for t in panel["targets"]]
            self.assertEqual(len(set(legends)), len(legends))
        self.assertIn("datasource", [v["name"] for v in self.dashboard["templating"]["list"]])


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
"""What is exported can be read by those who read such files, and imported again into an empty
store."""
import csv
import io
import json
import unittest
import xml.etree.ElementTree as xml

import harness

XES = "{http://www.xes-standard.org/}"


class Export(harness.ImportedCase):
    def export(self, form, *more):
        result = self.daemon.ctl("export", "--format", form, *more)
        return result.out

    def test_ndjson_goes_into_an_empty_store_and_comes_out_the_same(self):
        lines = [json.loads(line) for line in self.export("ndjson").splitlines()]
        self.assertEqual([harness.bare(e) for e in lines], self.events)
        self.assertEqual([e["position"] for e in lines], list(range(1, 1867)))
        with harness.Daemon() as other:
            got = other.import_events(lines)
            self.assertEqual(got, {"read": 1866, "appended": 1866, "duplicates": 0, "rejected": 0})
            again = [{k: v for k, v in e.items() if k != "ingesttime"} for e in other.log()]
            self.assertEqual(again,
                             [{k: v for k, v in e.items() if k != "ingesttime"} for e in lines])
        self.assertEqual(self.daemon.import_events(lines),
                         {"read": 1866, "appended": 0, "duplicates": 1866, "rejected": 0})

    def test_into_a_file(self):
        path = self.daemon.scratch / "out.ndjson"
        result = self.daemon.ctl("export", "--format", "ndjson", path)
        self.assertEqual(result.out, "")
        with open(path, encoding="utf-8") as text:
            self.assertEqual(text.read(), self.export("ndjson"))

    def test_a_file_is_kept_until_there_is_another_export(self):
        path = self.daemon.scratch / "kept.csv"
        self.daemon.ctl("export", "--format", "csv", "--subject", "trial/ff2-018", path)
        with open(path, "rb") as file:
            before = file.read()
        self.assertEqual(before.count(b"\n"), 21)
        for words, status in ((("--as-of", "nonsense"), 3), (("--subject", "trial"), 3),
                              (("--endpoint", "ipc:///nowhere", "--timeout", "200ms"), 2)):
            self.daemon.ctl("export", "--format", "csv", *words, path, status=status)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), before)
            self.assertEqual(self.daemon.ctl("export", "--format", "csv", *words,
                                             status=status).out, "")

    def test_cloudevents(self):
        text = self.export("cloudevents")
        try:
            events = json.loads(text)
        except ValueError:
            events = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(len(events), 1866)
        for event, sent in zip(events, self.events):
            self.assertEqual(event["specversion"], "1.0")
            for name in ("id", "source", "type", "subject", "time", "data"):
                self.assertEqual(event[name], sent[name])
            self.assertIsInstance(event["position"], str)
            self.assertIsInstance(event["revision"], str)
            self.assertTrue(all(k == k.lower() and k.isalnum() and len(k) <= 20 for k in event))
        self.assertEqual([int(e["position"]) for e in events], list(range(1, 1867)))

    def test_csv(self):
        rows = list(csv.DictReader(io.StringIO(self.export("csv"), newline="")))
        self.assertEqual(len(rows), 1866)
        for row, sent in zip(rows, self.events):
            for name in ("id", "source", "type", "subject", "time"):
                self.assertEqual(row[name], sent[name])
            self.assertNotIn(None, row)
            self.assertNotIn(None, row.values())
        self.assertEqual([int(r["position"]) for r in rows], list(range(1, 1867)))
        self.assertIn(self.events[0]["data"]["title"], str(rows[0]))

    def test_xes(self):
        root = xml.fromstring(self.export("xes"))
        self.assertIn(root.tag, (XES + "log", "log"))
        space = XES if root.tag.startswith("{") else ""
        traces = root.findall(space + "trace")
        self.assertEqual(sum(len(t.findall(space + "event")) for t in traces), 1866)
        names = {}
        for trace in traces:
            name = [s.get("value") for s in trace.findall(space + "string") if s.get("key")
                    == "concept:name"]
            self.assertEqual(len(name), 1)
            names[name[0]] = trace
        self.assertEqual(set(names), {e["subject"] for e in self.events})
        trial = names["trial/ff2-018"].findall(space + "event")
        kinds = [s.get("value") for e in trial for s in e.findall(space + "string") if s.get("key")
                 == "concept:name"]
        self.assertEqual(kinds, [e["type"] for e in self.events if e["subject"] == "trial/ff2-018"])
        self.assertTrue(all(any(d.get("key") == "time:timestamp"
                                for d in e.findall(space + "date")) for e in trial))

    def test_ocel(self):
        document = json.loads(self.export("ocel"))
        self.assertEqual(set(document) & {"eventTypes", "objectTypes", "events", "objects"},
                         {"eventTypes", "objectTypes", "events", "objects"})
        self.assertEqual(len(document["events"]), 1866)
        self.assertEqual(len({e["id"] for e in document["events"]}), 1866)
        types = {t["name"]: {a["name"] for a in t["attributes"]} for t in document["eventTypes"]}
        objects = {o["id"]: o for o in document["objects"]}
        self.assertEqual(len(objects), len(document["objects"]))
        object_types = {t["name"] for t in document["objectTypes"]}
        for event in document["events"]:
            self.assertIn(event["type"], types)
            self.assertTrue(event["time"])
            self.assertTrue(event["relationships"])
            for relation in event["relationships"]:
                self.assertIn(relation["objectId"], objects)
                self.assertTrue(relation["qualifier"])
            for attribute in event.get("attributes", []):
                self.assertIsInstance(attribute["value"], str)
                self.assertIn(attribute["name"], types[event["type"]])
        for thing in objects.values():
            self.assertIn(thing["type"], object_types)
        for subject in {e["subject"] for e in self.events}:
            self.assertTrue(subject in objects or subject.split("/")[1] in objects, subject)

    def test_a_part_of_the_log(self):
        rows = list(csv.DictReader(io.StringIO(self.export("csv", "--as-of", "2016-12-31"),
                                               newline="")))
        self.assertEqual(len(rows), 190)
        self.assertEqual(len(json.loads(self.export("ocel", "--known-at", "25"))["events"]), 25)

    def test_an_empty_log(self):
        with harness.Daemon() as empty:
            self.assertEqual(empty.ctl("export", "--format", "ndjson").out, "")
            self.assertEqual(json.loads(empty.ctl("export", "--format", "ocel").out)["events"], [])
            xml.fromstring(empty.ctl("export", "--format", "xes").out)
            self.assertLessEqual(len(empty.ctl("export", "--format", "csv").out.splitlines()), 1)


class Awkward(unittest.TestCase):
    """A foreign log has fields of any name and text of any character that UTF-8 has."""

    def setUp(self):
        self.daemon = harness.Daemon().start()
        self.addCleanup(self.daemon.close)

    def put(self, data, **extensions):
        sent = {"id": str(len(self.daemon.log())), "source": "/x", "type": "activity.completed",
                "subject": "case/1", "time": "2020-01-01T00:00:00Z",
                "data": {"activity": "a", **data}, **extensions}
        self.assertEqual(self.daemon.import_events([sent])["appended"], 1)
        return sent

    def export(self, form):
        return self.daemon.ctl("export", "--format", form).out

    def test_what_xml_cannot_say_is_replaced(self):
        self.put({"t": "a\ufffeb\uffffc\x01d\ufffde", "k\ufffe": "\u00ef\U0001fffe"})
        self.put({"t": "]]> & <b> \"q\" 'a'\ttab\nline\r\nend", "s": "\u0085\u2028\x7f\U0010ffff"})
        root = xml.fromstring(self.export("xes"))
        said = {s.get("key"): s.get("value") for s in root.iter(XES + "string")}
        self.assertEqual(said["data.k\ufffd"], "\u00ef\U0001fffe")
        self.assertEqual([s.get("value") for s in root.iter(XES + "string")
                          if s.get("key") == "data.t"],
                         ["a\ufffdb\ufffdc\ufffdd\ufffde",
                          "]]> & <b> \"q\" 'a'\ttab\nline\r\nend"])
        self.assertEqual(said["data.s"], "\u0085\u2028\x7f\U0010ffff")

    def test_an_attribute_that_has_the_name_of_a_column(self):
        self.put({}, extensions="mine", other=7)
        row, = csv.DictReader(io.StringIO(self.export("csv"), newline=""))
        self.assertEqual(json.loads(row["extensions"]), {"extensions": "mine", "other": 7})

    def test_a_relation_is_there_once(self):
        self.put({"trials": ["a", "b", "a", "trial/a", 3], "copyOf": "a"})
        event, = json.loads(self.export("ocel"))["events"]
        self.assertEqual([(r["objectId"], r["qualifier"]) for r in event["relationships"]],
                         [("case/1", "subject"), ("trial/a", "trials"), ("trial/b", "trials"),
                          ("trial/a", "copyOf")])


if __name__ == "__main__":
    harness.main()

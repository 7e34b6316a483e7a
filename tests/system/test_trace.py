#!/usr/bin/python3
"""The attribute traceparent: kept whatever it says, shown where it is one, carried to every export,
and taken from the command line or the environment."""
import csv
import io
import json

import harness
from small_world import World

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
NEW = ["--type", "municipality.registered", "--subject", "municipality/0101", "--source",
       "/dk/ministerium/okonomi-indenrig", "code=0101", "name=A", "region=B"]


class Trace(harness.DaemonCase):
    def publish(self, *more, environment=None, status=0):
        return self.daemon.ctl("publish", *NEW, *more, environment=environment, status=status)

    def kept(self):
        return self.daemon.log()[-1].get("traceparent")

    def test_the_flag_goes_into_the_event_and_beats_the_environment(self):
        self.publish("--traceparent", PARENT, environment={"TRACEPARENT": f"00-{SPAN}{SPAN}-{SPAN}-00"})
        self.assertEqual(self.kept(), PARENT)
        self.assertRegex(self.daemon.ctl("log").out, rf"  trace {TRACE}\n$")
        self.assertIn(f"         trace               {TRACE}, span {SPAN}, sampled\n",
                      self.daemon.ctl("history", "municipality/0101").out)

    def test_the_environment_is_taken_where_it_is_one(self):
        self.publish(environment={"TRACEPARENT": PARENT})
        self.assertEqual(self.kept(), PARENT)

    def test_an_environment_that_is_none_is_left_out_with_a_word(self):
        result = self.publish(environment={"TRACEPARENT": "00-0-0-0"})
        self.assertIn("TRACEPARENT is none of W3C Trace Context", result.err)
        self.assertIsNone(self.kept())
        self.assertNotIn("trace", self.daemon.ctl("log").out)
        self.assertNotIn("trace", self.daemon.ctl("history", "municipality/0101").out)

    def test_a_flag_that_is_none_is_a_mistake_of_the_command_line(self):
        result = self.publish("--traceparent", PARENT.upper(), status=64)
        self.assertIn("00-TRACE-SPAN-FLAGS", result.err)
        self.assertEqual(self.daemon.log(), [])

    def test_a_stranger_may_send_anything_and_gets_it_back(self):
        world = World()
        said = ["nonsense", "", PARENT + "-later", 7, True]
        for value in said:
            self.peer.append({**world.activity(), "traceparent": value})
        events = self.peer.call("read")["events"]
        self.assertEqual([e["traceparent"] for e in events], said)
        self.assertNotIn("  trace ", self.daemon.ctl("log").out)
        shown = self.daemon.ctl("history", events[0]["subject"]).out
        self.assertIn("         traceparent         nonsense (not in the form", shown)

    def test_a_repeat_names_the_same_trace(self):
        event = {**World().activity(), "traceparent": PARENT}
        self.peer.append(event)
        self.assertEqual(self.peer.append(event)["duplicates"], [True])
        error = self.peer.fails("append", events=[{**event, "traceparent": PARENT[:-1] + "0"}])
        self.assertEqual(error.code, "duplicate-conflict")

    def test_every_export_of_whole_events_has_it(self):
        self.publish("--traceparent", PARENT)

        def export(form):
            return self.daemon.ctl("export", "--format", form).out

        for form in ("ndjson", "cloudevents"):
            self.assertEqual(json.loads(export(form))["traceparent"], PARENT)
        row = next(csv.DictReader(io.StringIO(export("csv"), newline="")))
        self.assertEqual(json.loads(row["extensions"]), {"traceparent": PARENT})
        with harness.Daemon() as other:
            other.ctl("import", "-", stdin=export("ndjson"))
            self.assertEqual(other.log()[0]["traceparent"], PARENT)


if __name__ == "__main__":
    harness.main()

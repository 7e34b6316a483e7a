#!/usr/bin/python3
"""trialctl to the letter: exit statuses, what goes to stdout and what to stderr, values as the
catalogue reads them."""
import datetime
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import unicodedata

import harness
from small_world import GOVERNMENT, MINISTRY, MUNICIPALITY, World, changed
from test_counts import TYPES

VERBS = ("status publish import log history show list funnel compare due watch export events "
         "rebuild verify backup").split()
NOT_IN_DATA = {"municipality.appointed", "municipality.withdrawn", "network.rejected",
               "exemption.revoked",
               "activity.completed"}
UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
# Loads a completion script and asks it what may stand behind `trialctl `.
COMPLETE = r"""
. /usr/share/bash-completion/bash_completion 2>/dev/null
. "$1"
COMP_WORDS=(trialctl ""); COMP_CWORD=1; COMP_LINE="trialctl "; COMP_POINT=9
function=$(complete -p trialctl | sed 's/.*-F \([^ ]*\).*/\1/')
"$function" trialctl "" trialctl
printf '%s\n' "${COMPREPLY[@]}"
"""
SUMMARY = ("read", "appended", "duplicates", "rejected")


class Follower:
    """A trialctl that goes on until it is interrupted; its lines one by one."""

    def __init__(self, daemon, *arguments):
        self.process = subprocess.Popen(
            [harness.program("TRIALCTL", "trialctl"), *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=harness.clean_environment({"TRIALD_ENDPOINT": daemon.endpoint,
                                           "TRIALD_FEED": daemon.feed}))
        self.buffer = b""

    def line(self, wait_s=harness.WAIT_S):
        """The next line as JSON, or None when none came in time."""
        while b"\n" not in self.buffer:
            if not select.select([self.process.stdout], [], [], wait_s)[0]:
                return None
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise AssertionError(f"it ended: {self.process.stderr.read().decode()}")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=harness.WAIT_S)
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Cli(harness.DaemonCase):
    def setUp(self):
        super().setUp()
        self.world = World()
        self.ctl = self.daemon.ctl

    def path(self, name):
        return self.daemon.scratch / name

    def write(self, name, *lines):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write("".join((line if isinstance(line, str) else json.dumps(line)) + "\n"
                              for line in lines))
        return self.path(name)

    def publish(self, kind, subject, *values, source="/dk/presse/avis", status=0, more=()):
        return self.ctl("publish", "--type", kind, "--subject", subject, "--source", source, *more,
                        *values, status=status)

    def stored(self):
        return self.peer.read_all()[-1]


class Statuses(Cli):
    def test_0_and_nothing_on_stderr(self):
        for arguments in (["status"], ["list", "trial"], ["log"], ["events"], ["--help"],
                          ["--version"]):
            result = self.ctl(*arguments, timeout=None if arguments[0].startswith("--") else "100s")
            self.assertTrue(result.out or arguments in (["list", "trial"], ["log"]), arguments)

    def test_2_no_answer(self):
        for endpoint in (f"ipc://{self.path('nowhere')}", "tcp://127.0.0.1:1"):
            result = harness.ctl("status", "--endpoint", endpoint, "--timeout", "300ms", status=2)
            self.assertEqual(result.out, "")
            self.assertIn(endpoint, result.err)
            for words in (("watch",), ("log", "--follow")):
                result = harness.ctl(*words, "--endpoint", endpoint, "--timeout", "300ms", status=2)
                self.assertTrue(result.err.startswith(
                    f"trialctl: busy: no connection to {endpoint}\n"), result)  # and none is tried

    def test_3_invalid(self):
        self.publish("no.such", "case/x", "a=b", status=3)
        self.publish("activity.completed", "case/x", status=3)
        self.publish("activity.completed", "trial/x", "activity=a", status=3)
        self.publish("activity.completed", "case/x", "activity=a", more=("--time", "yesterday"),
                     status=3)
        self.ctl("list", "trial", "surprise=1", status=3)
        self.ctl("import", self.write("bad", "not json"), status=3)

    def test_4_conflict(self):
        self.publish("activity.completed", "case/x", "activity=a", more=("--id", "one"))
        result = self.publish("activity.completed", "case/x", "activity=b", more=("--id", "one"),
                              status=4)
        self.assertIn("duplicate-conflict", result.err)

    def test_5_not_found(self):
        self.ctl("list", "surprise", status=5)
        self.ctl("rebuild", "surprise", status=5)
        for arguments in (["show", "trial/none"], ["show", "trial/none", "--json"]):
            result = self.ctl(*arguments, status=5)
            self.assertEqual(result.out, "")
            self.assertTrue(result.err)

    def test_6_local_file(self):
        self.assertIn("none.ndjson", self.ctl("import", self.path("none.ndjson"), status=6).err)
        self.ctl("export", "--format", "ndjson", self.path("none/out"), status=6)

    def test_7_refused(self):
        result = self.publish("programme.agreed", "programme/x", "title=T", 'parties=["A"]',
                              "agreement=a", status=7)
        self.assertIn("not-authorised", result.err)
        self.assertEqual(result.out, "")

    def test_8_verification_failed(self):
        self.ctl("verify", "--since", f"3:{'0' * 64}", status=8)

    def test_64_usage(self):
        for arguments in ([], ["surprise"], ["list"], ["show"], ["history"],
                          ["status", "--surprise"], ["list", "trial", "novalue"],
                          ["list", "trial", "state=running", "state=approved"],
                          ["publish", "--type", "x"], ["compare", "one"], ["import"],
                          ["export", "--format", "surprise"],
                          ["log", "--limit", "x"], ["verify", "--since", "x"],
                          ["status", "--timeout", "x"],
                          ["due", "--within", "soon"], ["status", "extra"]):
            with self.subTest(arguments=arguments):
                result = self.ctl(*arguments, timeout=None, status=64)
                self.assertEqual(result.out, "")
                self.assertTrue(result.err)
                self.assertLess(len(result.err), 400, "a sentence, not a page")

    def test_130_interrupted(self):
        self.peer.append(self.world.activity())
        follower = Follower(self.daemon, "log", "--follow", "--json")
        self.addCleanup(follower.close)
        self.assertEqual(follower.line()["position"], 1)
        self.assertEqual(follower.interrupt(), 130)


class Shape(Cli):
    def setUp(self):
        super().setUp()
        self.peer.append(self.world.foundation() + self.world.trial("assessed"))

    def test_flags_stand_before_or_after_the_verb(self):
        after = self.ctl("list", "trial", "--json", "--as-of", "2017-01-01").out
        self.assertEqual(self.ctl("--json", "--as-of", "2017-01-01", "list", "trial").out, after)
        self.assertEqual(self.ctl("--json", "list", "--as-of=2017-01-01", "trial").out, after)
        bare = {"TRIALD_ENDPOINT": "ipc:///nowhere"}
        self.assertEqual(harness.ctl("--endpoint", self.daemon.endpoint, "list", "trial", "--json",
                                     "--as-of", "2017-01-01",
                                     environment=bare).out, after)

    def test_one_json_document(self):
        for arguments in (["status"], ["list", "trial"], ["funnel"], ["funnel", "w1"],
                          ["funnel", "programme/w1"], ["show", "trial/w1-001"],
                          ["history", "trial/w1-001"], ["compare", "w1", "w1"], ["due"], ["events"],
                          ["events", "trial.approved"], ["verify"], ["rebuild"],
                          ["rebuild", "trial"]):
            with self.subTest(arguments=arguments):
                result = self.ctl(*arguments, "--json")
                result.json()
                self.assertEqual(result.err, "")

    def test_lists_are_arrays_and_rows_are_objects(self):
        rows = self.daemon.ask("list", "trial")
        self.assertEqual([r["subject"] for r in rows], ["trial/w1-001"])
        self.assertEqual(self.daemon.ask("show", "trial/w1-001"), rows[0])
        self.assertEqual(self.daemon.ask("list", "trial", "state=surprise"), [])
        funnel = self.daemon.ask("funnel", "w1")
        self.assertEqual((funnel["programme"], funnel["assessed"]), ("w1", 1))
        self.assertEqual(funnel["position"], self.daemon.ask("status")["head"])

    def test_rows_are_those_of_the_wire(self):
        for view in ("programme", "network", "trial", "exemption", "deadline"):
            self.assertEqual(self.daemon.ask("list", view), self.peer.query_all(view))

    def test_people_get_tables(self):
        for view in ("programme", "network", "municipality", "trial", "exemption", "evaluation",
                     "outcome", "duration"):
            text = self.ctl("list", view).out
            self.assertTrue(text.strip(), view)
            self.assertFalse(text.lstrip().startswith(("[", "{")), view)
        self.assertIn("assessed", self.ctl("show", "trial/w1-001").out)
        self.assertIn("Trial 1", self.ctl("list", "trial").out)

    def test_log_filters(self):
        log = self.daemon.log()
        self.assertEqual(log, self.peer.read_all())
        self.assertEqual(self.daemon.log("--from", "5", "--limit", "2"), log[4:6])
        self.assertEqual(self.daemon.log("--subject", "trial/w1-001"),
                         [e for e in log if e["subject"] == "trial/w1-001"])
        self.assertEqual(self.daemon.log("--type", "trial."),
                         [e for e in log if e["type"].startswith("trial.")])
        self.assertEqual(self.daemon.log("--from", "9999"), [])

    def test_a_long_log_is_given_to_its_end(self):
        self.peer.append(self.world.activities(1024))
        self.peer.append(self.world.activities(1024))
        log = self.daemon.log()
        self.assertEqual([e["position"] for e in log], list(range(1, len(log) + 1)))
        self.assertEqual(len(log), self.daemon.ask("status")["head"])
        self.assertEqual(len(self.daemon.log("--limit", "1500")), 1500)

    def test_history_says_who_when_and_what_changed(self):
        baseline = [e for e in self.peer.read_all() if e["type"] == "baseline.recorded"][0]
        self.peer.append(self.world.about_trial("correction.issued", 1, "2020-10-01T00:00:00Z",
                                                MINISTRY,
                                                corrects=baseline["id"], field="value", oldValue=10,
                                                newValue=77,
                                                reason="slip"))
        text = self.ctl("history", "trial/w1-001").out
        for word in ("trial.approved", GOVERNMENT, MUNICIPALITY, baseline["id"], "77",
                     "2020-10-01"):
            self.assertIn(word, text)
        self.assertEqual(self.ctl("history", "trial/none", status=None).status, 5)

    def test_history_stands_in_columns_whatever_the_letters(self):
        event = self.world.activity(**{"ærøskøbing": "één", "日本": "漢字", "e\u0301te": "x"})
        self.peer.append(event)
        lines = self.ctl("history", event["subject"]).out.splitlines()
        starts = set()
        for name in ("activity", "ærøskøbing", "日本", "e\u0301te"):
            line = next(line for line in lines if line.split()[0] == name)
            before = line[:len(line) - len(line.split()[1])]
            starts.add(sum(0 if unicodedata.combining(c) else
                           2 if unicodedata.east_asian_width(c) == "W" else 1 for c in before))
        self.assertEqual(starts, {29})

    def test_compare(self):
        other = World("w2")
        self.peer.append([e for e in other.foundation()
                          if not e["type"].startswith("municipality.")] + other.trial("approved"))
        text = self.ctl("compare", "w1", "w2").out
        self.assertIn("w1", text)
        self.assertIn("w2", text)
        self.ctl("compare", "w1", "none", status=5)

    def test_following_the_log(self):
        head = self.daemon.ask("status")["head"]
        follower = Follower(self.daemon, "log", "--follow", "--json", "--from", str(head))
        self.addCleanup(follower.close)
        self.assertEqual(follower.line()["position"], head)
        for number in range(head + 1, head + 5):
            self.peer.append(self.world.activity())
            self.assertEqual(follower.line()["position"], number)
        self.assertEqual(follower.interrupt(), 130)

    def test_watching(self):
        follower = Follower(self.daemon, "watch", "--json", "--type", "activity.")
        self.addCleanup(follower.close)
        first = None
        while first is None:
            self.peer.append([self.world.activity(), self.world.round_opened(self.world.count)])
            first = follower.line(wait_s=0.2)
        self.assertEqual(first["type"], "activity.completed")
        marker = self.world.activity("marker")
        self.peer.append(marker)
        seen = [first]
        while seen[-1]["id"] != marker["id"]:
            seen.append(follower.line())
            self.assertEqual(seen[-1]["type"], "activity.completed")
        positions = [e["position"] for e in seen]
        everything = [e["position"] for e in self.peer.read_all(types=["activity."])
                      if e["position"] >= positions[0]]
        self.assertEqual(positions, everything)
        self.assertEqual(follower.interrupt(), 130)

    def test_a_broken_pipe_is_no_crash(self):
        self.peer.append(self.world.activities(1000))
        process = subprocess.Popen([harness.program("TRIALCTL", "trialctl"), "log", "--json",
                                    "--endpoint", self.daemon.endpoint],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=harness.clean_environment())
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read().decode()
        process.stderr.close()
        process.wait(harness.WAIT_S)
        self.assertIn(process.returncode, (0, 1, 6, -signal.SIGPIPE), err)
        self.assertNotIn("Sanitizer", err)


class Publish(Cli):
    def test_values_are_read_as_the_catalogue_says(self):
        self.publish("municipality.registered", "municipality/0159", "code=0159", "name=123",
                     "region=true", source=MINISTRY)
        self.assertEqual(self.stored()["data"], {"code": "0159", "name": "123", "region": "true"})
        self.peer.append([self.world.agreed(), self.world.opened(), self.world.registered("0101"),
                          self.world.registered("0151")])
        self.publish("round.opened", "programme/w1", "round=3", "opensOn=2016-04-01",
                     "deadline=2016-12-31", source=MINISTRY)
        self.assertEqual(self.stored()["data"]["round"], 3)
        self.publish("figure.reported", "programme/w1", "metric=m", "value=5.50", "asOf=2016-04-01",
                     "document=5")
        self.assertEqual((self.stored()["data"]["value"], self.stored()["data"]["document"]),
                         (5.5, "5"))
        self.publish("figure.reported", "programme/w1", "metric=m", "value=12", "asOf=2016-04-01",
                     "document=a=b")
        self.assertEqual((self.stored()["data"]["value"], self.stored()["data"]["document"]),
                         (12, "a=b"))
        self.assertIsInstance(self.stored()["data"]["value"], int)
        self.publish("network.applied", "network/w1-net", "programme=w1", "name=Net", "theme=T",
                     'members=["0101","0151"]',
                     source="/dk/netvaerk/net")
        self.assertEqual(self.stored()["data"]["members"], ["0101", "0151"])

    def test_unknown_fields_are_json_else_text(self):
        self.publish("activity.completed", "case/x", "activity=1", "n=5", "f=1.5", "b=true",
                     "l=[1,\"x\"]", "m={\"k\":null}",
                     "t=hello world", "e=", "code=0159", "q=\"5\"", "æ=ø")
        self.assertEqual(self.stored()["data"], {"activity": "1", "n": 5, "f": 1.5, "b": True,
                                                 "l": [1, "x"], "m": {"k": None},
                                                 "t": "hello world", "e": "", "code": "0159",
                                                 "q": "5", "æ": "ø"})

    def test_values_of_wrong_type(self):
        self.peer.append([self.world.agreed(), self.world.opened()])
        for value in ("round=three", "round=1.5", "round=", "round=[1]"):
            self.publish("round.opened", "programme/w1", value, "opensOn=2016-04-01",
                         "deadline=2016-12-31", source=MINISTRY, status=3)

    def test_what_is_left_out(self):
        before = datetime.datetime.now(datetime.timezone.utc)
        self.ctl("publish", "--type", "activity.completed", "--subject", "case/x", "activity=a",
                 environment={"TRIALD_SOURCE": "/from/environment"})
        event = self.stored()
        self.assertEqual(event["source"], "/from/environment")
        self.assertRegex(event["id"], UUID7)
        time = datetime.datetime.fromisoformat(event["time"])
        self.assertLess(abs((time - before).total_seconds()), 300)
        self.ctl("publish", "--type", "activity.completed", "--subject", "case/x", "activity=a")
        self.assertRegex(self.stored()["source"], r"^/local/[^/]+$")
        self.assertGreater(self.stored()["id"], event["id"])

    def test_what_is_said_is_kept(self):
        self.publish("activity.completed", "case/x", "activity=a",
                     more=("--id", "my id", "--time", "2020-01-01T00:00:00+01:00"))
        event = self.stored()
        self.assertEqual((event["id"], event["time"], event["subject"]),
                         ("my id", "2020-01-01T00:00:00+01:00", "case/x"))

    def test_the_answer(self):
        answer = self.publish("activity.completed", "case/x", "activity=a", more=("--json",)).json()
        self.assertIn(1, [answer.get("position"), answer.get("first")])
        again = self.publish("activity.completed", "case/x", "activity=a",
                             more=("--id", "i", "--time", "2020-01-01T00:00:00Z"))
        same = self.publish("activity.completed", "case/x", "activity=a",
                            more=("--id", "i", "--time", "2020-01-01T00:00:00Z"))
        self.assertIn("2", again.out + again.err)
        self.assertIn("2", same.out + same.err)
        self.assertEqual(self.daemon.ask("status")["head"], 2)

    def test_warnings_are_said(self):
        self.peer.append(self.world.foundation()
                         + self.world.trial("plan", leave_out=("baseline", "target")))
        result = self.publish("trial.started", "trial/w1-001", "startedOn=2017-06-01",
                              'participants=["0101"]',
                              source="/dk/netvaerk/net", more=("--time", "2017-06-01T00:00:00Z"))
        self.assertIn("no-baseline", result.out + result.err)

    def test_a_dry_run(self):
        self.publish("activity.completed", "case/x", "activity=a", more=("--dry-run",))
        self.assertEqual(self.daemon.ask("status")["head"], 0)


class Import(Cli):
    def summary(self, *numbers):
        return dict(zip(SUMMARY, numbers))

    def test_it_goes_on_past_a_refused_line_and_says_each(self):
        good = [self.world.activity(n=n) for n in range(6)]
        path = self.write("mixed", good[0], "", "not json", good[1],
                          changed(good[2], type="no.such"), good[0],
                          changed(good[0], data={"n": 99}),
                          changed(good[3], subject="trial/none", type="trial.resumed",
                                   source=MINISTRY, data={}),
                          '{"id": "x"}', good[4], '{"id":"a","id":"b"}', "[1]", good[5])
        result = self.ctl("import", path, status=3)
        self.assertEqual(json.loads(result.out.splitlines()[-1]), self.summary(12, 4, 1, 7))
        said = [line for line in result.err.splitlines() if line.startswith(path + ":")]
        self.assertEqual([re.match(r"^.*:(\d+): ([a-z-]+): .+$", line).groups() for line in said],
                         [("3", "malformed"), ("5", "unknown-type"), ("7", "duplicate-conflict"),
                          ("8", "refused"),
                          ("9", "invalid"), ("11", "malformed"), ("12", "invalid")])
        self.assertEqual([e["data"]["n"] for e in self.peer.read_all()], [0, 1, 4, 5])

    def test_its_status_is_that_of_the_first_refused_line(self):
        refused = changed(self.world.agreed(), source=MINISTRY)
        clash = self.world.activity()
        self.ctl("import", self.write("a", refused, "not json"), status=7)
        self.ctl("import", self.write("b", clash, changed(clash, data={"n": 1}), refused), status=4)
        self.ctl("import", self.write("c", "not json", refused), status=3)
        self.ctl("import", self.write("d", clash), status=0)

    def test_lines_that_rest_on_those_before_a_refused_one(self):
        events = self.world.foundation() + self.world.trial("assessed")
        lines = []
        for event in events:
            lines += [event, changed(event, id=f"again-{event['id']}", type="no.such")]
        result = self.ctl("import", self.write("both", *lines), status=3)
        self.assertEqual(json.loads(result.out.splitlines()[-1]),
                         self.summary(2 * len(events), len(events), 0, len(events)))
        self.assertEqual([e["id"] for e in self.peer.read_all()], [e["id"] for e in events])

    def test_stop_ends_at_the_first(self):
        events = self.world.activities(5)
        path = self.write("some", *events[:2], changed(events[2], type="no.such"), *events[3:])
        result = self.ctl("import", "--stop", path, status=3)
        self.assertEqual([e["id"] for e in self.peer.read_all()], [e["id"] for e in events[:2]])
        numbers = json.loads(result.out.splitlines()[-1])
        self.assertEqual((numbers["appended"], numbers["duplicates"], numbers["rejected"]),
                         (2, 0, 1))

    def test_several_files_and_stdin(self):
        first, second = self.world.activities(3), self.world.activities(4)
        result = self.ctl("import", self.write("a", *first), self.write("b", *second))
        self.assertEqual(json.loads(result.out.splitlines()[-1]), self.summary(7, 7, 0, 0))
        self.assertEqual(self.daemon.import_events(first + second), self.summary(7, 0, 7, 0))
        self.assertEqual(self.daemon.import_events([]), self.summary(0, 0, 0, 0))

    def test_a_last_line_without_its_end_and_other_line_ends(self):
        a, b = self.world.activities(2)
        with open(self.path("crlf"), "w", encoding="utf-8", newline="") as out:
            out.write(json.dumps(a) + "\r\n\r\n" + json.dumps(b))
        self.assertEqual(self.daemon.import_file(self.path("crlf")), self.summary(2, 2, 0, 0))

    def test_an_event_too_large_and_text_that_is_no_utf8(self):
        large = self.world.activity(text="x" * 70000)
        path = self.write("large", large, self.world.activity())
        self.assertIn(":1: too-large:", self.ctl("import", path, status=3).err)
        with open(self.path("latin"), "wb") as out:
            out.write(json.dumps(self.world.activity(text="A")).replace("A",
                                                                        "\xe6").encode("latin-1")
                      + b"\n")
        self.assertIn(":1: malformed:", self.ctl("import", self.path("latin"), status=3).err)

    def test_events_as_large_as_may_be_are_cut_into_requests_that_fit(self):
        events = [self.world.activity(text="æ" * 32000) for _ in range(150)]
        self.assertEqual(self.daemon.import_events(events), self.summary(150, 150, 0, 0))
        self.assertEqual([harness.bare(e) for e in self.daemon.log()], events)

    def test_lines_of_nonsense_in_every_shape(self):
        lines = ["{}", "null", '"text"', "5", "[" * 5000, '{"a":' * 3000, '{"id":1e999}',
                 "\ufeff{}", "{'id':1}",
                 '{"id":"\\ud800"}', '{"id":"\\u0000"}', "tru", '{"id":"x","data":{}} extra',
                 "\x00"]
        path = self.write("nonsense", *lines, self.world.activity())
        result = self.ctl("import", path, status=3)
        self.assertEqual(json.loads(result.out.splitlines()[-1]),
                         self.summary(len(lines) + 1, 1, 0, len(lines)))
        said = re.findall(r"(?m):(\d+): (malformed|invalid|too-large): ", result.err)
        self.assertEqual([int(number) for number, _ in said], list(range(1, len(lines) + 1)))

    def test_lines_nested_to_every_depth(self):
        """Depths beyond any limit of the daemon, of the client and of the encoding."""
        lines, deep = [], 1
        for depth in range(1, 80):
            deep = [deep]
            lines.append(self.world.activity(x=deep))
        result = self.ctl("import", self.write("nested", *lines), status=3)
        self.assertEqual(json.loads(result.out.splitlines()[-1]), self.summary(79, 14, 0, 65))
        said = re.findall(r"(?m):(\d+): too-large: ", result.err)
        self.assertEqual([int(number) for number in said], list(range(15, 80)))

    def test_numbers_stay_what_they_were(self):
        line = json.dumps(self.world.activity(a=3, b=2**64 - 1, c=-2**63)).replace('"a": 3',
                                                                                   '"a": 3.0')
        self.daemon.import_file(self.write("numbers", line))
        data = self.peer.read_all()[0]["data"]
        self.assertIsInstance(data["a"], float)
        self.assertEqual((data["b"], data["c"]), (2**64 - 1, -2**63))
        again = self.daemon.log()
        self.assertEqual(self.daemon.import_events(again), self.summary(1, 0, 1, 0))

    def test_an_import_without_a_daemon(self):
        path = self.write("a", self.world.activity())
        harness.ctl("import", path, "--endpoint", f"ipc://{self.path('none')}", "--timeout",
                    "300ms", status=2)


class Json(Cli):
    def test_documents_hold_what_the_manual_says(self):
        page = pathlib.Path(__file__).parents[2] / "client/trialctl.1.scd"
        section = page.read_text(encoding="utf-8").split("# JSON\n")[1].split("\n# ")[0]
        said = {verb: {name.replace("\\", "") for name in re.findall(r"_((?:[a-z]|\\_)+)_", names)}
                for verb, names in re.findall(r"(?m)^\|[\[ ] \*([a-z]+)\*.*\n:[\[ ] *(.*)$", section)}
        self.publish("activity.completed", "case/x", "activity=a")
        copy = self.path("copy")
        for words, more in ((("import", os.devnull), ()), (("backup", copy), ()),
                            (("top", "--limit", "1"), ()), (("verify", copy), ("reason",)),
                            (("verify",), ("reason", "kind", "log")),
                            (("keygen", self.path("key")), ()),
                            (("events", "trial.started"), ()),
                            (("check",), ("value", "warning", "critical"))):
            document = self.ctl(*words, "--json", status=None).json()
            self.assertEqual(set(document), said[words[0]] - set(more), words)
        self.assertEqual(set(document["figures"]["free"]), {"value", "warning", "critical", "state"})
        document = self.publish("activity.completed", "case/x", "activity=b", more=("--json",)).json()
        self.assertLess(said["publish"], set(document) | {"append"})


    def test_words_that_are_no_utf_8_are_made_some(self):
        path = os.fsencode(self.path("")) + b"a\xff\xc3(\xe2\x82b"
        os.mkdir(path)
        for words, status in (((b"check", b"--flush", b"\xff\xe2\x82(x"), 3),
                              ((b"check", b"--key", path, b"--server-key", path), 3),
                              ((b"keygen", path + b"/x"), 0)):
            run = subprocess.run([harness.program("TRIALCTL", "trialctl"), *words, b"--json"],
                                 stdin=subprocess.DEVNULL, capture_output=True,
                                 env=harness.clean_environment(), timeout=harness.WAIT_S,
                                 check=False)
            self.assertEqual(run.returncode, status)
            self.assertIn("\ufffd", json.dumps(json.loads(run.stdout.decode("utf-8")),
                                               ensure_ascii=False))


class Catalogue(Cli):
    def test_every_type_is_in_it(self):
        text = self.ctl("events").out
        for kind in set(TYPES) | NOT_IN_DATA:
            self.assertRegex(text, rf"(?m)\b{re.escape(kind)}\b")
            self.assertIn(kind, self.ctl("events", kind).out)
        known = set(TYPES) | NOT_IN_DATA
        named = set(re.findall(r'"((?:[a-z]+)\.(?:[a-z-]+))"', self.ctl("events", "--json").out))
        self.assertEqual(known - named, set())

    def test_a_type_with_its_fields_and_rules(self):
        text = self.ctl("events", "trial.approved").out
        for word in ("ministry", "legalBasis", "exemptions", "participants", "plannedStart",
                     "plannedEnd", "endorsed", "exemptionId"):
            self.assertIn(word, text)
        self.ctl("events", "trial.approved", "--json").json()

    def test_it_needs_no_daemon(self):
        harness.ctl("events", "--endpoint", "ipc:///nowhere")

    def test_no_such_type(self):
        self.assertIn(self.ctl("events", "no.such", status=None).status, (3, 5))

    def test_help_names_every_verb(self):
        text = self.ctl("--help", timeout=None).out
        for verb in VERBS:
            self.assertRegex(text, rf"\b{verb}\b")

    def test_completion_loads_in_bash_and_knows_the_verbs(self):
        path = self.path("completion")
        pathlib.Path(path).write_text(self.ctl("completion", "bash").out, encoding="utf-8")
        done = subprocess.run(["bash", "-c", COMPLETE, "bash", path], capture_output=True,
                              text=True, timeout=harness.WAIT_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(set(VERBS) - set(done.stdout.split()), set())


if __name__ == "__main__":
    harness.main()

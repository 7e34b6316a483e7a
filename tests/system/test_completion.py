#!/usr/bin/python3
"""The completion of bash: whatever may stand in a place is offered, and what is offered is taken."""
import json
import re
import subprocess
import unittest

import harness
from test_counts import TYPES

# Asks the function for each line of stdin: words as bash cuts them, each ended by 0x1f.
ASK = r"""
. "$1"
while IFS= read -r COMP_LINE; do
    IFS= read -r cut
    mapfile -d $'\x1f' -t COMP_WORDS < <(printf '%s' "$cut")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_POINT=${#COMP_LINE} COMPREPLY=()
    _trialctl trialctl "${COMP_WORDS[COMP_CWORD]}" trialctl
    printf '%s\n' "${COMPREPLY[*]}"
done
"""


def cut(line, breaks="=:"):
    """The words of a line, as COMP_WORDBREAKS has them."""
    return re.findall(rf"[{breaks}]+|[^\s{breaks}]+", line) + (
        [""] if line[-1:].isspace() else [])


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon().start()
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.import_file()
        cls.peer = cls.daemon.peer()
        cls.addClassCleanup(cls.peer.close)
        cls.script = cls.daemon.scratch / "completion"
        with open(cls.script, "w", encoding="utf-8") as file:
            file.write(harness.ctl("completion", "bash", timeout=None).out)

    def offers(self, *lines, breaks="=:"):
        """What is offered at the end of each line behind `trialctl `."""
        lines = ["trialctl " + line for line in lines]
        text = "".join(f"{line}\n{''.join(w + chr(31) for w in cut(line, breaks))}\n" for line in lines)
        done = subprocess.run(["bash", "-c", ASK, "bash", self.script], input=text,
                              capture_output=True, text=True, timeout=harness.WAIT_S, check=True)
        self.assertEqual(done.stderr, "")
        return [set(line.split()) for line in done.stdout.split("\n")[:-1]]

    def offered(self, line):
        return self.offers(line)[0]

    def test_verbs_and_their_flags(self):
        helped = harness.ctl("--help", timeout=None).out
        verbs = set(re.findall(r"(?m)^  ([a-z]+)\b", helped))
        self.assertEqual(self.offered(""), verbs)
        self.assertEqual(self.offered("st"), {"status"})
        for verb, flags in zip(verbs, self.offers(*(f"{verb} --" for verb in verbs))):
            taken = set(re.findall(r"(?m)^ +(--[a-z-]+)",
                                   harness.ctl(verb, "--help", timeout=None).out))
            self.assertEqual(flags, taken | {"--help", "--usage", "--version"}, verb)

    def test_where_nothing_more_is_taken_nothing_is_offered(self):
        lines = ("rebuild trial ", "events trial.started ", "show trial/x ", "history trial/x ",
                 "completion bash ", "status ", "log --from ", "due --within ", "--endpoint ",
                 "list --timeout ", "publish --id ", "log ", "verify x ", "list trial title=",
                 "publish --type trial.started startedOn=")
        self.assertEqual(self.offers(*lines), [set()] * len(lines))

    def test_flags_in_front_and_signs_that_cut_words(self):
        views = self.offered("list ")
        self.assertLess({"trial", "right", "subscription", "parked"}, views)
        for front in ("--json", "--timeout 5s", "--timeout=5s", "--endpoint ipc:///x/y",
                      "--endpoint=tcp://127.0.0.1:7700", "--as-of 2018-01-01T00:00:00Z"):
            self.assertEqual(self.offered(f"{front} list "), views)
            self.assertEqual(self.offered(f"list {front} "), views)

    def test_where_an_equals_sign_cuts_no_word(self):
        """Some have taken it out of COMP_WORDBREAKS: the whole word is replaced then."""
        self.assertEqual(self.offers("list trial state=ap", "export --format=c", "list tri",
                                     "--timeout=5s list trial state=ap", "list trial sta",
                                     breaks=":"),
                         [{"state=approved"}, {"--format=cloudevents", "--format=csv"}, {"trial"},
                          {"state=approved"}, {"state=", "startedOn="}])

    def test_values_of_flags(self):
        formats = {"ndjson", "cloudevents", "csv", "xes", "ocel"}
        for line in ("export --format ", "export --format=", "--json export x --format="):
            self.assertEqual(self.offered(line), formats)
        for line in ("export --format c", "export --format=c"):
            self.assertEqual(self.offered(line), {"cloudevents", "csv"})
        for name in formats:
            self.daemon.ctl("export", "--format", name, "--subject", "trial/none")
        self.assertEqual(self.offered("keygen x --role "), {"read", "publish", "audit", "operate"})
        grades = self.offered("check --conditions ")
        self.assertEqual(len(grades), 10)
        for pair in grades:
            self.daemon.ctl("check", "--flush", "1h,1h", "--free", "0,0", "--conditions", pair)

    def test_types_and_subjects(self):
        catalogue = {row["type"]: row for row in harness.ctl(
            "events", "--json", timeout=None).json()}
        self.assertEqual(self.offered("events "), set(catalogue))
        published = self.offered("publish --type ")
        self.assertEqual(set(catalogue) - published, {"right.granted", "right.revoked"})
        read = self.offered("log --type ")
        self.assertEqual(read, set(catalogue) | {name.split(".")[0] + "." for name in catalogue})
        for name in read:
            self.daemon.ctl("log", "--type", name, "--limit", "1")
        self.assertEqual(self.offered("publish --type trial.started --subject "), {"trial/"})
        self.assertEqual(self.offered("publish --subject="), {
            "programme/", "municipality/", "network/", "trial/", "law/", "case/"})
        for kind in self.offered("show "):
            self.assertIn("nothing is known of", self.daemon.ctl("show", kind + "x", status=5).err)
        for kind in self.offered("history "):
            self.assertNotIn("invalid", self.daemon.ctl("history", kind + "x", status=None).err)

    def test_data_of_a_type(self):
        types = harness.ctl("events", "--json", timeout=None).json()
        common = {"provenance", "cite", "datePrecision", "documentedFields"}
        offers = self.offers(*(f"publish --type {row['type']} --subject trial/x " for row in types))
        for row, fields in zip(types, offers):
            self.assertEqual(fields, {name + "=" for name in common |
                                      {field["name"] for field in row["fields"]}}, row["type"])
        self.assertEqual(self.offered("publish --type=trial.abandoned stage="),
                         {"approved", "running", "suspended"})
        self.assertEqual(self.offered("publish --type target.set value=3 direction=d"), {"down"})
        self.assertEqual(self.offered("publish --type target.set provenance=r"), {"reconstructed"})
        self.assertEqual(self.offered("publish --type measurement.recorded final="),
                         {"true", "false"})

    def test_fields_of_views_and_what_they_hold(self):
        views = self.offered("rebuild ")
        self.assertEqual(views, set(self.peer.call("status")["views"]))
        helped = " ".join(harness.ctl("list", "--help", timeout=None).out.split())
        self.assertEqual(set(re.search("VIEW is one of ([a-z ]+);", helped)[1].split()), views)
        bounded = 0
        for view in views:
            fields = {word[:-1] for word in self.offered(f"list {view} ")}
            rows = self.peer.query_all(view)
            for row in rows[:1]:
                self.assertEqual(fields - {"in-force"}, set(row), view)
            fields.discard("in-force")
            offers = self.offers(*(f"list {view} {field}=" for field in fields))
            for field, words in zip(fields, offers):
                self.peer.call("query", view=view, where={field: "x"})  # is no error
                bounded += bool(words)
                held = set()
                for row in rows if words else ():
                    value = row.get(field)
                    held |= set(value) if isinstance(value, list) else {value}
                held = {json.dumps(v) if isinstance(v, bool) else v for v in held if v is not None}
                self.assertEqual(held - words, set(), (view, field))
        self.assertEqual(bounded, 25)
        self.assertEqual(self.offered("list trial state=ap"), {"approved"})
        self.assertIn("in-force=", self.offered("list exemption "))

    def test_every_type_that_happens_is_known(self):
        self.assertEqual(set(TYPES) - self.offered("publish --type "), set())


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
"""The counts of one real programme come out of trialctl, for the whole log and as of seven
dates."""
import collections

import harness

BY_NETWORK = {  # submitted, approved, completed = evaluated
    "beskaeftigelse": (22, 19, 17), "bolig": (24, 14, 6), "social": (16, 13, 10),
    "boern": (10, 9, 8),
    "akut": (4, 2, 2), "sundhed": (13, 9, 5), "en-plan": (14, 13, 9),
    "borgerinvolvering": (4, 0, 0)}
REASONS = {"resolved-by-general-law": 6, "not-accommodated": 5, "already-permitted": 4,
           "constitution": 3,
           "economic-advantage": 3, "eu-law": 1, "legal-security": 1, "tax-area-unsuited": 1}
MINISTRIES = {"Børne- og Socialministeriet": 40, "Beskæftigelsesministeriet": 23,
              "Transport-, Bygnings- og Boligministeriet": 11, "Sundheds- og Ældreministeriet": 4,
              "Erhvervsministeriet": 3, "Udlændinge- og Integrationsministeriet": 1}
TYPES = {
    "application.submitted": 107, "application.revised": 14, "application.screened": 103,
    "application.withdrawn": 4, "application.rejected": 24, "application.endorsed": 79,
    "trial.approved": 79,
    "trial.charter-published": 358, "trial.started": 64, "trial.suspended": 6, "trial.resumed": 6,
    "trial.extended": 57, "trial.abandoned": 17, "trial.completed": 57, "baseline.recorded": 90,
    "target.set": 91,
    "measurement.recorded": 247, "evaluation.planned": 64, "evaluation.published": 66,
    "assessment.made": 53,
    "exemption.extended": 14, "exemption.expired": 82, "municipality.registered": 44,
    "network.applied": 8,
    "network.appointed": 8, "network.coordinator-named": 8, "network.member-joined": 51,
    "network.member-left": 7,
    "network.dissolved": 1, "law.proposed": 5, "law.enacted": 6, "law.entered-into-force": 5,
    "figure.reported": 18,
    "knowledge.shared": 4, "deadline.set": 2, "deadline.moved": 2, "round.opened": 3,
    "round.closed": 3,
    "programme.agreed": 1, "programme.opened": 1, "programme.extended": 2, "programme.closed": 1,
    "programme.results-published": 1, "correction.issued": 3}
FUNNEL = {"submitted": 107, "withdrawn": 4, "rejected": 24, "endorsed": 79, "approved": 79,
          "started": 64,
          "abandoned": 17, "lapsed": 5, "completed": 57, "evaluated": 57, "assessed": 53}
AS_OF_COLUMNS = (
    "events submitted endorsed approved started running completed evaluated assessed abandoned "
                 "networks municipalities external live").split()
AS_OF = {
    "2016-12-31T23:59:59Z": (190, 33, 0, 0, 0, 0, 0, 0, 0, 0, 8, 44, 0, 0),
    "2018-02-28T23:59:59Z": (844, 107, 79, 55, 27, 27, 0, 0, 0, 1, 8, 44, 0, 58),
    "2018-12-31T23:59:59Z": (1317, 107, 79, 79, 64, 62, 0, 0, 0, 10, 7, 38, 0, 82),
    "2020-12-31T23:59:59Z": (1678, 107, 79, 79, 64, 0, 57, 37, 0, 17, 7, 38, 2, 82),
    "2021-01-14T23:59:59Z": (1704, 107, 79, 79, 64, 0, 57, 57, 0, 17, 7, 38, 7, 82),
    "2021-08-31T00:00:00Z": (1767, 107, 79, 79, 64, 0, 57, 57, 53, 17, 7, 38, 7, 82),
    "2022-01-01T12:00:00Z": (1851, 107, 79, 79, 64, 0, 57, 57, 53, 17, 7, 38, 7, 14)}


def trial(number):
    return f"trial/ff2-{number:03}"


class Counts(harness.ImportedCase):
    def rows(self, view, *where):
        rows = self.daemon.ask("list", view, *where)
        self.assertIsInstance(rows, list)
        return rows

    def programme(self):
        rows = self.rows("programme", "programme=ff2")
        self.assertEqual(len(rows), 1)
        return rows[0]

    def test_the_log_holds_the_whole_file_in_its_order(self):
        log = self.daemon.log()
        self.assertEqual([harness.bare(e) for e in log], self.events)
        self.assertEqual([e["position"] for e in log], list(range(1, 1867)))
        revisions = collections.Counter()
        for event in log:
            revisions[event["subject"]] += 1
            self.assertEqual(event["revision"], revisions[event["subject"]], event["id"])
        times = [e["ingesttime"] for e in log]
        self.assertEqual(times, sorted(times))

    def test_events_of_each_type(self):
        self.assertEqual(sum(TYPES.values()), 1866)
        for name, count in TYPES.items():
            with self.subTest(type=name):
                log = self.daemon.log("--type", name)
                self.assertEqual({e["type"] for e in log}, {name})
                self.assertEqual(len(log), count)
        kinds = collections.Counter(e["data"]["kind"]
                                    for e in self.daemon.log("--type", "evaluation.published"))
        self.assertEqual(kinds, {"final": 57, "interim": 9})
        self.assertEqual([e["data"]["kind"] for e in self.daemon.log("--type", "knowledge.shared")],
                         ["webinar"] * 4)

    def test_events_documented_and_reconstructed(self):
        known = collections.Counter(e["data"].get("provenance") for e in self.daemon.log())
        self.assertEqual(known, {"documented": 104, "reconstructed": 1762})

    def test_the_funnel(self):
        funnel = self.daemon.ask("funnel", "ff2")
        self.assertEqual({k: funnel[k] for k in FUNNEL}, FUNNEL)
        self.assertEqual(funnel["programme"], "ff2")
        self.assertEqual(funnel["position"], 1866)
        self.assertEqual(funnel["abandonedBy"], {"approved": 10, "running": 7, "suspended": 0})
        rows = self.rows("funnel")
        self.assertEqual(len(rows), 1)
        self.assertEqual({k: rows[0][k] for k in FUNNEL}, FUNNEL)

    def test_the_funnel_tells_documented_from_reconstructed(self):
        split = self.daemon.ask("funnel", "ff2")["provenance"]
        for name, count in FUNNEL.items():
            with self.subTest(count=name):
                self.assertEqual(set(split[name]), {"documented", "reconstructed", "reported"})
                self.assertEqual(sum(split[name].values()), count)
        steps = {"submitted": "application.submitted", "approved": "trial.approved",
                 "started": "trial.started"}
        for name, kind in steps.items():
            known = collections.Counter(e["data"]["provenance"] for e in self.events if e["type"]
                                        == kind)
            for word in ("documented", "reconstructed"):
                self.assertEqual(split[name][word], known[word], (name, word))

    def test_the_programme_row(self):
        row = self.programme()
        self.assertEqual(row["subject"], "programme/ff2")
        self.assertEqual((row["state"], row["periodFrom"], row["periodTo"]),
                         ("closed", "2016-01-15", "2020-12-31"))
        self.assertEqual(row["networks"], {"appointed": 8, "active": 7})
        self.assertEqual(row["municipalities"], {"ever": 44, "active": 38})
        self.assertEqual([(r["round"], r["opensOn"], r["deadline"], r["received"], r["submitted"])
                          for r in row["rounds"]],
                         [(1, "2016-10-10", "2016-12-01", 33, 33),
                          (2, "2016-12-02", "2017-05-01", 38, 38),
                          (3, "2017-05-02", "2017-11-01", 36, 36)])
        self.assertEqual(self.daemon.ask("show", "programme/ff2"), row)

    def test_trials_of_each_round(self):
        for number, count in ((1, 33), (2, 38), (3, 36)):
            self.assertEqual(len(self.rows("trial", f"round={number}")), count)

    def test_trials_of_each_state(self):
        states = collections.Counter(r["state"] for r in self.rows("trial"))
        self.assertEqual(states, {"withdrawn": 4, "rejected": 24, "abandoned": 17, "lapsed": 5,
                                  "evaluated": 4,
                                  "assessed": 53})
        for state, count in states.items():
            self.assertEqual(len(self.rows("trial", f"state={state}")), count)

    def test_trials_by_network(self):
        rows = {r["subject"]: r for r in self.rows("network", "programme=ff2")}
        self.assertEqual(set(rows), {f"network/ff2-{n}" for n in BY_NETWORK})
        for name, (submitted, approved, completed) in BY_NETWORK.items():
            with self.subTest(network=name):
                row = rows[f"network/ff2-{name}"]
                self.assertEqual((row["submitted"], row["approved"], row["completed"],
                                  row["evaluated"]),
                                 (submitted, approved, completed, completed))
                self.assertEqual(sum(row["trials"].values()), submitted)
                self.assertEqual(len(self.rows("trial", f"network=ff2-{name}")), submitted)

    def test_memberships_and_municipalities(self):
        networks = self.rows("network")
        members = [(n["subject"], m["municipality"], m.get("to")) for n in networks
                   for m in n["members"]]
        self.assertEqual(len(members), 51)
        self.assertEqual(len({code for _, code, _ in members}), 44)
        left = [e for e in self.daemon.log("--type", "network.member-left")]
        self.assertEqual(len(left), 7)
        ended = {subject.split("/")[1] for subject, _, to in members if to is not None}
        self.assertEqual(ended, {e["subject"].split("/")[1] for e in left})
        self.assertEqual(sum(to is not None for _, _, to in members), 7)
        self.assertEqual(len(self.rows("municipality")), 44)
        self.assertEqual([r["state"] for r in networks].count("dissolved"), 1)
        self.assertEqual([r["state"] for r in networks].count("appointed"), 7)

    def test_rejections_by_reason(self):
        rows = self.rows("refusal", "programme=ff2")
        reasons = collections.Counter()
        for row in rows:
            reasons[row["reason"]] += row["count"]
        self.assertEqual(reasons, REASONS)
        keys = [(r["reason"], r["ministry"], r["round"]) for r in rows]
        self.assertEqual(len(keys), len(set(keys)))

    def test_outcomes_of_completed_trials(self):
        results = collections.Counter(r["result"] for r in self.rows("outcome", "programme=ff2"))
        self.assertEqual(results.pop("open"), 9)
        self.assertEqual(results, {"reached": 31, "improved": 36, "worse": 10, "no-baseline": 5,
                                   "no-target": 4})

    def test_outcomes_before_the_corrections(self):
        rows = self.rows("outcome", "programme=ff2", "--as-of", "2021-02-08")
        results = collections.Counter(r["result"] for r in rows)
        results.pop("open")
        self.assertEqual(results, {"reached": 31, "improved": 35, "worse": 11, "no-baseline": 5,
                                   "no-target": 4})

    def test_three_corrections(self):
        rows = [r for r in self.rows("outcome") if r["corrections"]]
        self.assertEqual({(r["subject"], r["final"]) for r in rows
                          if r["final"] in (1.3, 3.3, 614700)},
                         {(trial(106), 1.3), (trial(14), 3.3), (trial(26), 614700)})
        self.assertEqual(sum(r["corrections"] for r in rows), 3)

    def test_exemptions(self):
        rows = self.rows("exemption", "programme=ff2")
        self.assertEqual(len(rows), 82)
        self.assertEqual(len({r["exemptionId"] for r in rows}), 82)
        self.assertEqual(collections.Counter(r["ministry"] for r in rows), MINISTRIES)
        self.assertEqual(collections.Counter(r["act"] for r in rows)["Lov om social service"], 36)
        self.assertEqual(collections.Counter(r["validTo"][:4] for r in rows),
                         {"2021": 68, "2022": 9, "2023": 5})
        self.assertEqual({r["state"] for r in rows}, {"expired"})
        for name, count in MINISTRIES.items():
            self.assertEqual(len(self.rows("exemption", f"ministry={name}")), count)

    def test_evaluations(self):
        external = self.rows("evaluation", "mode=external", "state=published")
        self.assertEqual(len(external), 7)
        self.assertEqual(collections.Counter(r["evaluator"] for r in external),
                         {"VIVE": 5, "SBi": 1, "Rambøll": 1})
        covered = [t for r in external for t in r["trials"]]
        self.assertEqual((len(covered), len(set(covered))), (14, 14))
        self.assertEqual(len(self.rows("evaluation", "mode=internal", "state=published")), 43)

    def test_evaluations_of_discontinued_trials(self):
        rows = self.rows("evaluation", "state=discontinued")
        self.assertEqual({t for r in rows for t in r["trials"]},
                         {f"ff2-{n:03}" for n in (12, 36, 48, 65, 75, 92, 107)})

    def test_assessments(self):
        outcomes = collections.Counter(e["data"]["outcome"]
                                       for e in self.daemon.log("--type", "assessment.made"))
        self.assertEqual(outcomes, {"spread": 8, "partly-spread": 19, "followed-up-elsewhere": 11,
                                    "not-spread": 15})
        figures = {r["metric"]: r for r in self.rows("figure", "asOf=2021-08-26")}
        for metric, value in (("assessments.spread-or-followed-up", 38),
                              ("assessments.not-spread", 15)):
            self.assertEqual((figures[metric]["value"], figures[metric]["computed"],
                              figures[metric]["agrees"]),
                             (value, value, True))

    def test_laws(self):
        rows = self.rows("law", "programme=ff2")
        self.assertEqual(len(rows), 8)
        kinds = collections.Counter((r["role"], r["form"]) for r in rows
                                    if r["state"] != "proposed")
        self.assertEqual(kinds,
                         {("general", "act"): 2, ("general", "order"): 1, ("enabling", "act"): 3,
                          ("extension", "act"): 1})
        self.assertEqual([r["subject"] for r in rows if r["state"] == "proposed"],
                         ["law/dk-2023-udkast"])

    def test_days_from_submission_to_approval(self):
        rows = self.rows("duration", "programme=ff2", "step=approval")
        whole = [r for r in rows if r["round"] is None and r["ministry"] is None]
        self.assertEqual(len(whole), 1)
        self.assertEqual([whole[0][k] for k in ("count", "least", "median", "most")],
                         [79, 107, 236, 284])

    def test_indicators_without_baseline_or_target(self):
        self.assertEqual({r["subject"] for r in self.rows("outcome", "missing=baseline")},
                         {trial(n) for n in (67, 73, 100)})
        self.assertEqual({r["subject"] for r in self.rows("outcome", "missing=target")},
                         {trial(n) for n in (63, 99)})

    def test_findings_that_were_put_in_on_purpose(self):
        for rule, numbers in (("no-baseline", (67, 73, 100)), ("no-target", (63, 99))):
            self.assertEqual(sorted(r["subject"] for r in self.rows("finding", f"rule={rule}")),
                             sorted(trial(n) for n in numbers))
        plans = self.rows("finding", "rule=no-evaluation-plan")
        self.assertEqual(len({r["subject"] for r in plans}), 15)
        late = self.rows("finding", "rule=evaluated-late")
        self.assertEqual((len(late), len({r["subject"] for r in late})), (20, 20))

    def test_counts_as_of_a_date(self):
        for date, values in AS_OF.items():
            with self.subTest(as_of=date):
                self.assertEqual(self.as_of(date), dict(zip(AS_OF_COLUMNS, values)))

    def as_of(self, date):
        funnel = self.daemon.ask("funnel", "ff2", "--as-of", date)
        programme = self.daemon.ask("list", "programme", "--as-of", date)[0]
        counts = {k: funnel[k] for k in AS_OF_COLUMNS if k in funnel}
        counts["events"] = len(self.daemon.log("--as-of", date))
        counts["running"] = len(self.rows("trial", "state=running", "--as-of", date))
        counts["networks"] = programme["networks"]["active"]
        counts["municipalities"] = programme["municipalities"]["active"]
        counts["external"] = len(self.rows("evaluation", "mode=external", "state=published",
                                           "--as-of", date))
        counts["live"] = len(self.rows("exemption", "state=granted", "--as-of", date))
        return counts


if __name__ == "__main__":
    harness.main()

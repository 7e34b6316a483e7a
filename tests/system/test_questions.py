#!/usr/bin/python3
"""The twenty questions that the programme's people ask, each by the one command that answers it."""
import collections
import datetime

import harness


def days_between(one, other):
    return (datetime.date.fromisoformat(other) - datetime.date.fromisoformat(one)).days


class Questions(harness.ImportedCase):
    def ask(self, *arguments):
        return self.daemon.ask(*arguments)

    def test_01_how_many_got_how_far_today_or_on_a_past_date(self):
        today = self.ask("funnel", "ff2")
        steps = ("submitted", "endorsed", "approved", "started", "completed", "evaluated")
        self.assertEqual([today[s] for s in steps], [107, 79, 79, 64, 57, 57])
        past = self.ask("funnel", "ff2", "--as-of", "2018-02-28")
        self.assertEqual([past[s] for s in steps], [107, 79, 55, 27, 0, 0])
        text = self.daemon.ctl("funnel", "ff2").out
        for number in ("107", "79", "64", "57"):
            self.assertIn(number, text)
        self.assertNotIn("\x1b", text)

    def test_02_which_exemptions_are_in_force_on_a_day(self):
        granted = [(e, x) for e in self.events if e["type"] == "trial.approved"
                   for x in e["data"]["exemptions"]]
        ends = {x["exemptionId"]: x["validTo"] for _, x in granted}
        for event in self.events:
            if event["type"] == "exemption.extended":
                ends[event["data"]["exemptionId"]] = event["data"]["to"]
        for day in ("2018-03-01", "2022-06-30", "2023-12-31", "2024-01-01"):
            rows = self.ask("list", "exemption", f"in-force={day}")
            wanted = {x["exemptionId"] for _,
                      x in granted if x["validFrom"] <= day <= ends[x["exemptionId"]]}
            self.assertEqual({r["exemptionId"] for r in rows}, wanted, day)
        self.assertEqual(len(self.ask("list", "exemption", "in-force=2022-06-30")), 14)
        row = self.ask("list", "exemption", "in-force=2017-06-01", "exemptionId=ff2-018-e1")[0]
        self.assertEqual([row[k] for k in ("subject", "act", "section", "ministry", "participants",
                                           "validFrom",
                                           "validTo")],
                         ["trial/ff2-018", "Lov om social service", "§ 89",
                          "Børne- og Socialministeriet",
                          ["0561", "0751"], "2017-03-09", "2021-12-31"])

    def test_03_what_falls_due_and_what_is_overdue(self):
        rows = self.ask("due", "--within", "90d", "--as-of", "2020-11-15")
        self.assertTrue(rows)
        for row in rows:
            self.assertIn(row["state"], ("due", "overdue"), row)
            self.assertEqual(row["days"], days_between("2020-11-15", row["due"]))
            self.assertEqual(row["state"], "due" if row["days"] >= 0 else "overdue", row)
            self.assertLessEqual(row["days"], 90)
        due = [r for r in rows if r["due"] == "2020-12-31" and r["subject"].startswith("trial/")]
        self.assertGreaterEqual(len({r["subject"] for r in due}), 10)
        fewer = self.ask("due", "--within", "30d", "--as-of", "2020-11-15")
        self.assertTrue(all(r["days"] <= 30 for r in fewer))
        self.assertLess(len(fewer), len(rows))
        late = self.ask("due", "--within", "90d", "--as-of", "2021-01-05")
        self.assertTrue(any(r["state"] == "overdue" and r["due"] == "2020-12-31" for r in late))
        self.assertEqual([r for r in self.ask("due", "--within", "90d", "--as-of", "2016-01-15")
                          if r["kind"] == "network-application"], [])
        self.assertEqual([(r["due"], r["days"])
                          for r in self.ask("due", "--within", "120d", "--as-of", "2016-01-15")
                          if r["kind"] == "network-application"], [("2016-05-01", 107)])

    def test_04_which_evaluated_trials_lack_an_assessment(self):
        rows = self.ask("list", "trial", "state=evaluated")
        assessed = {e["subject"] for e in self.events if e["type"] == "assessment.made"}
        evaluated = {e["subject"] for e in self.events
                     if e["type"] == "evaluation.published" and e["data"]["kind"] == "final"}
        self.assertEqual(len(rows), 4)
        self.assertEqual({r["subject"] for r in rows}, evaluated - assessed)

    def test_05_why_were_applications_refused(self):
        rows = self.ask("list", "refusal", "programme=ff2")
        submitted = {e["subject"]: e["data"] for e in self.events if e["type"]
                     == "application.submitted"}
        wanted = collections.Counter((e["data"]["reason"], e["data"].get("ministry"),
                                      submitted[e["subject"]]["round"])
                                     for e in self.events if e["type"] == "application.rejected")
        self.assertEqual({(r["reason"], r["ministry"], r["round"]): r["count"] for r in rows},
                         wanted)

    def test_06_where_does_each_trial_stand_and_what_is_its_next_step(self):
        rows = self.ask("list", "trial", "network=ff2-bolig")
        self.assertEqual(len(rows), 24)
        for row in rows:
            ended = row["state"] in ("withdrawn", "rejected", "abandoned", "lapsed")
            self.assertEqual(bool(row["next"]), not ended, row)
        past = self.ask("list", "trial", "network=ff2-bolig", "--as-of", "2017-08-01")
        steps = {r["state"]: r["next"] for r in past}
        self.assertGreater(len(steps), 1)
        self.assertEqual(len(set(map(str, steps.values()))), len(steps))
        self.assertIn(rows[0]["title"], self.daemon.ctl("list", "trial", "network=ff2-bolig").out)

    def test_07_who_is_and_was_a_member(self):
        row = self.ask("show", "network/ff2-akut")
        members = {m["municipality"]: (m["from"], m["to"]) for m in row["members"]}
        self.assertEqual(set(members), {"0157", "0159", "0230", "0173"})
        self.assertEqual({code for code, (_, to) in members.items() if to is None},
                         {"0157", "0159", "0230"})
        left = [e for e in self.events if e["type"] == "network.member-left" and e["subject"]
                == "network/ff2-akut"]
        self.assertEqual(members["0173"][1][:10], left[0]["time"][:10])
        for start, _ in members.values():
            self.assertEqual(start[:10], "2016-10-10")

    def test_08_which_participants_have_no_charter(self):
        published = [e["time"] for e in self.events
                     if e["type"] == "trial.charter-published" and e["subject"] == "trial/ff2-018"]
        self.assertLess(published[0], published[-1])
        for day, missing in (("2017-03-09", True), (published[0], True), (published[-1], False)):
            rows = self.ask("list", "trial", "missing=charter", "--as-of", day)
            self.assertEqual("trial/ff2-018" in {r["subject"] for r in rows}, missing, day)
            for row in rows:
                self.assertIn("charter", row["missing"])
                self.assertIn(row["state"], ("approved", "running", "suspended"))

    def test_09_may_this_be_recorded_now(self):
        common = ("publish", "--dry-run", "--source", "/dk/netvaerk/bolig", "--time",
                  "2021-03-01T00:00:00Z")
        result = self.daemon.ctl(*common, "--type", "trial.started", "--subject", "trial/ff2-022",
                                 "startedOn=2021-03-01", 'participants=["0751"]', status=7)
        self.assertIn("illegal-transition", result.err)
        self.assertEqual(result.out, "")
        self.daemon.ctl(*common, "--type", "knowledge.shared", "--subject", "network/ff2-bolig",
                        "kind=report",
                        "title=Erfaringer", "heldOn=2021-03-01", 'trials=["ff2-001"]')
        self.assertEqual(self.ask("status")["head"], 1866)

    def test_10_what_came_of_each_indicator(self):
        rows = {(r["subject"], r["indicator"]): r
                for r in self.ask("list", "outcome", "programme=ff2")}
        self.assertEqual(len(rows), 95)
        for name, kind in (("baseline", "baseline.recorded"), ("target", "target.set")):
            last = {}
            for event in self.events:
                if event["type"] == kind:
                    last[event["subject"], event["data"]["indicator"]] = event["data"]["value"]
            for key, row in rows.items():
                self.assertEqual(row[name], last.get(key), (key, name))
        corrected = [r for r in rows.values() if r["corrections"]]
        self.assertEqual({r["subject"] for r in corrected},
                         {"trial/ff2-106", "trial/ff2-014", "trial/ff2-026"})
        for row in rows.values():
            self.assertEqual(row["result"], self.result(row), row)

    def result(self, row):
        completed = {e["subject"] for e in self.events if e["type"] == "trial.completed"}
        if row["subject"] not in completed:
            return "open"
        for name, missing in (("baseline", "no-baseline"), ("target", "no-target"),
                              ("final", "no-final-measurement")):
            if row[name] is None:
                return missing
        sign = 1 if row["direction"] == "up" else -1
        final, target, baseline = (sign * row[k] for k in ("final", "target", "baseline"))
        if final >= target:
            return "reached"
        return "improved" if final > baseline else "unchanged" if final == baseline else "worse"

    def test_11_which_trials_lack_a_baseline_a_target_or_a_final_measurement(self):
        found = {word: {r["subject"][-3:] for r in self.ask("list", "outcome", f"missing={word}")}
                 for word in ("baseline", "target")}
        self.assertEqual(found, {"baseline": {"067", "073", "100"}, "target": {"063", "099"}})
        for row in self.ask("list", "outcome", "missing=final-measurement"):
            self.assertIsNone(row["final"])

    def test_12_which_report_covers_which_trials(self):
        rows = self.ask("list", "evaluation", "mode=external")
        self.assertEqual(len(rows), 7)
        self.assertEqual(sum(len(r["trials"]) for r in rows), 14)
        wanted = collections.defaultdict(set)
        for event in self.events:
            if event["type"].startswith("evaluation.") and event["data"]["mode"] == "external":
                wanted[event["data"]["evaluationId"]].add(event["subject"].split("/")[1])
        self.assertEqual({r["evaluationId"]: set(r["trials"]) for r in rows}, wanted)
        for row in rows:
            self.assertTrue(row["evaluator"] and row["dueBy"] and row["conclusion"], row)

    def test_13_the_whole_history_of_one_trial(self):
        wanted = [e for e in self.events if e["subject"] == "trial/ff2-018"]
        history = self.ask("history", "trial/ff2-018")
        events = history if isinstance(history, list) else history["events"]
        self.assertEqual([e["id"] for e in events], [e["id"] for e in wanted])
        for event, sent in zip(events, wanted):
            self.assertEqual((event["source"], event["time"]), (sent["source"], sent["time"]))
            self.assertTrue(event["ingesttime"])
        text = self.daemon.ctl("history", "trial/ff2-106").out
        self.assertIn("ff2-01601", text)
        self.assertIn("1.3", text)
        self.assertIn("/dk/kommune/0260", text)

    def test_14_was_anything_done_against_the_rules(self):
        rules = collections.Counter(r["rule"] for r in self.ask("list", "finding"))
        self.assertEqual((rules["no-baseline"], rules["no-target"], rules["no-evaluation-plan"],
                          rules["evaluated-late"], rules["unassessed"]), (3, 2, 15, 20, 4))
        for never in ("illegal-transition", "charter-missing", "outside-period", "not-member",
                      "not-authorised"):
            self.assertEqual(rules[never], 0, never)

    def test_15_is_the_log_unbroken_since_a_checkpoint(self):
        status = self.ask("status")
        verified = self.ask("verify", "--since", f"{status['head']}:{status['root']}")
        self.assertEqual((verified["size"], verified["root"], verified["same"], verified["bad"]),
                         (1866, status["root"], True, 0))
        self.daemon.ctl("verify")
        wrong = "0" * 64
        self.daemon.ctl("verify", "--since", f"1866:{wrong}", status=8)
        self.daemon.ctl("verify", "--since", f"1000:{status['root']}", status=8)

    def test_16_how_long_from_application_to_approval(self):
        rows = self.ask("list", "duration", "programme=ff2")
        whole = [r for r in rows if r["step"] == "approval" and r["round"] is None
                 and r["ministry"] is None]
        self.assertEqual([(r["count"], r["least"], r["median"], r["most"]) for r in whole],
                         [(79, 107, 236, 284)])
        rounds = [r for r in rows if r["step"] == "approval" and r["round"] is not None
                  and r["ministry"] is None]
        self.assertEqual([r["round"] for r in rounds], [1, 2, 3])
        self.assertEqual(sum(r["count"] for r in rounds), 79)
        ministries = [r for r in rows if r["step"] == "approval" and r["round"] is None
                      and r["ministry"] is not None]
        self.assertEqual({r["ministry"]: r["count"] for r in ministries},
                         {"Beskæftigelsesministeriet": 32, "Børne- og Socialministeriet": 22,
                          "Transport-, Bygnings- og Boligministeriet": 14,
                          "Sundheds- og Ældreministeriet": 11})
        counts = {r["step"]: r["count"] for r in rows if r["round"] is None
                  and r["ministry"] is None}
        self.assertEqual(counts, {"approval": 79, "start": 64, "end": 57})

    def test_17_which_published_figures_disagree(self):
        rows = self.ask("list", "figure")
        self.assertEqual(len(rows), 18)
        found = {(r["metric"], r["asOf"]): (r["value"], r["computed"], r["agrees"]) for r in rows}
        self.assertEqual(found["municipalities.active", "2016-10-10"], (44, 44, True))
        self.assertEqual(found["municipalities.active", "2021-01-14"], (38, 38, True))
        self.assertEqual(found["networks.active", "2018-02-15"], (8, 8, True))
        self.assertEqual(found["networks.active", "2021-01-14"], (7, 7, True))
        self.assertEqual(found["networks.applied", "2016-08-26"], (43, 8, False))
        self.assertEqual(found["municipalities.since-2012", "2018-10-13"], (53, 44, False))
        self.assertEqual(found["applications.submitted", "2016-12-01"], (33, 33, True))
        self.assertEqual(found["applications.endorsed", "2018-02-15"], (79, 79, True))
        self.assertEqual(found["trials.approved", "2021-01-14"], (79, 79, True))
        self.assertEqual(found["trials.evaluated", "2021-01-14"], (57, 57, True))
        self.assertEqual(found["evaluations.external", "2018-02-15"], (7, 7, True))
        self.assertEqual(found["evaluations.external.vive", "2021-01-14"], (5, 5, True))
        # Ten abandoned before the start, seven while running; the five lapsed only after 2021.
        self.assertEqual(found["trials.stopped-or-not-started", "2021-08-26"], (17, 17, True))
        self.assertEqual(self.ask("list", "figure", "agrees=false"),
                         [r for r in rows if r["agrees"] is False])

    def test_18_which_trials_ended_in_general_law(self):
        rows = self.ask("list", "law", "role=general")
        self.assertEqual({r["subject"]: r["inspiredBy"]["networks"] for r in rows},
                         {"law/dk-2018-707": ["ff2-en-plan"],
                          "law/dk-2019-lab": ["ff2-beskaeftigelse"],
                          "law/dk-2020-velfaerdsteknologi": ["ff2-social"]})
        self.assertEqual({r["subject"]: r["form"] for r in rows},
                         {"law/dk-2018-707": "act", "law/dk-2019-lab": "act",
                          "law/dk-2020-velfaerdsteknologi": "order"})
        trials = {t for r in rows for t in r["inspiredBy"]["trials"]}
        self.assertEqual(trials, {"ff2-002", "ff2-027", "ff2-034", "ff2-007", "ff2-043", "ff2-026",
                                  "ff2-031", "ff2-051",
                                  "ff2-059", "ff2-093"})

    def test_19_what_has_my_municipality_tried(self):
        row = self.ask("show", "municipality/0159")
        self.assertEqual((row["subject"], row["name"], row["region"]),
                         ("municipality/0159", "Gladsaxe", "Region Hovedstaden"))
        text = str(row)
        for network in ("ff2-boern", "ff2-akut"):
            self.assertIn(network, text)
        took_part = {e["subject"].split("/")[1] for e in self.events
                     if e["type"] == "application.submitted"
                     and "0159" in e["data"]["participants"]}
        self.assertEqual({t["trial"] if isinstance(t, dict) else t for t in row["trials"]},
                         took_part)
        charters = [e for e in self.events
                    if e["type"] == "trial.charter-published" and e["data"]["municipality"]
                    == "0159"]
        self.assertEqual(len(row["charters"]), len(charters))

    def test_20_one_page_for_a_date(self):
        row = self.ask("show", "programme/ff2", "--as-of", "2018-02-28")
        self.assertEqual((row["state"], row["periodTo"]), ("open", "2020-06-30"))
        self.assertEqual((row["networks"]["active"], row["municipalities"]["active"]), (8, 44))
        self.assertEqual([r["submitted"] for r in row["rounds"]], [33, 38, 36])
        self.assertTrue(row["figures"])
        self.assertIn("44", self.daemon.ctl("show", "programme/ff2", "--as-of", "2018-02-28").out)


if __name__ == "__main__":
    harness.main()

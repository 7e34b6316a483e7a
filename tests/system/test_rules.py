#!/usr/bin/python3
"""Every refusal rule is met through the wire, by its name and its code; and the warnings that are
no refusals."""
import unittest

import harness
from small_world import (EVALUATOR, GOVERNMENT, MINISTRY, MUNICIPALITY, NETWORK, OTHER, OUTSIDER,
                         PARLIAMENT, PRESS, STEPS, World, changed)

RULES = ("not-json bad-utf8 too-large missing-field wrong-type unknown-type bad-time bad-range "
         "duplicate-id unknown-subject illegal-transition outside-period not-member not-authorised "
         "charter-missing inconsistent stale-value time-before-state").split()
ELSEWHERE = "not-json bad-utf8 too-large missing-field wrong-type unknown-type bad-time".split(
    )  # test_protocol.py


class RulesCase(harness.DaemonCase):
    met = set()

    def setUp(self):
        super().setUp()
        self.world = World()

    def given(self, *steps, until=None, leave_out=()):
        """The foundation, and one trial brought to a step."""
        events = self.world.foundation()
        if until:
            events += self.world.trial(until, leave_out=leave_out)
        self.peer.append(events + list(steps))

    def refused(self, rule, event, code="refused"):
        """The event is refused by that rule, alone and in a dry run, and nothing is kept."""
        head = self.peer.call("status")["head"]
        for dry_run in (True, False):
            error = self.peer.fails("append", events=[event], dry_run=dry_run)
            self.assertEqual((error.code, error.detail.get("rule")), (code, rule),
                             f"{event} {error}")
            self.assertEqual(error.detail["index"], 0)
        self.assertEqual(self.peer.call("status")["head"], head)
        RulesCase.met.add(rule)
        return error

    def accepted(self, event):
        return self.peer.append(event)

    def allowed(self, event):
        return self.peer.append(event, dry_run=True)

    def step(self, name, number=1, **changes):
        return changed(self.world.step(name, number)[0], **changes)


class Programme(RulesCase):
    def test_a_programme_opens_once(self):
        world = self.world
        self.refused("unknown-subject",
                     world.about_programme("programme.closed", "2020-12-31T00:00:00Z", GOVERNMENT,
                                           closedOn="2020-12-31"))
        self.accepted(world.agreed())
        self.refused("illegal-transition", world.agreed())
        self.refused("illegal-transition",
                     world.about_programme("programme.extended", "2016-05-01T00:00:00Z",
                                           MINISTRY, **{"from": "2020-12-31", "to": "2021-01-31"}))
        self.refused("bad-range", world.opened(periodFrom="2021-01-01"), code="invalid")
        self.accepted(world.opened())
        self.refused("illegal-transition", world.opened())
        extend = world.about_programme("programme.extended", "2016-05-01T00:00:00Z", MINISTRY,
                                       **{"from": "2020-12-31", "to": "2021-12-31"})
        self.refused("stale-value", changed(extend, data={"from": "2020-12-30"}))
        self.refused("bad-range", changed(extend, data={"to": "2020-12-31"}), code="invalid")
        self.accepted(extend)
        self.refused("stale-value", changed(extend, id="again"))
        self.accepted(world.about_programme("programme.closed", "2021-12-31T00:00:00Z", MINISTRY,
                                            closedOn="2021-12-31"))
        self.refused("illegal-transition",
                     self.world.about_programme("programme.closed", "2022-01-01T00:00:00Z",
                                                MINISTRY, closedOn="2021-12-31"))

    def test_rounds(self):
        self.given()
        self.refused("illegal-transition", self.world.round_opened())
        closed = self.world.about_programme("round.closed", "2017-01-01T00:00:00Z", MINISTRY,
                                            round=1)
        self.accepted(closed)
        self.refused("illegal-transition", changed(closed, id="again"))
        error = self.peer.fails("append", events=[changed(closed, id="none", data={"round": 7})])
        self.assertEqual(error.code, "refused")
        self.assertIn(error.detail["rule"], ("illegal-transition", "unknown-subject"))

    def test_deadlines(self):
        world = self.world
        self.given()
        wish = world.about_programme("deadline.set", "2016-01-02T00:00:00Z", MINISTRY,
                                     deadlineId="d1", kind="report",
                                     due="2016-05-01", appliesTo="programme/w1")
        self.accepted(wish)
        self.refused("illegal-transition", changed(wish, id="again"))
        moved = world.about_programme("deadline.moved", "2016-01-03T00:00:00Z", MINISTRY,
                                      deadlineId="d1",
                                      **{"from": "2016-05-01", "to": "2016-06-01"})
        self.refused("stale-value", changed(moved, data={"from": "2016-05-02"}))
        self.refused("unknown-subject", changed(moved, data={"deadlineId": "none"}))
        self.accepted(moved)

    def test_networks(self):
        world = self.world
        self.accepted([world.agreed(), world.opened(), world.registered("0101"),
                       world.registered("0151")])
        self.refused("unknown-subject", world.appointed())
        self.refused("unknown-subject", changed(world.applied(), data={"programme": "none"}))
        self.refused("unknown-subject",
                     changed(world.applied(), data={"members": ["0101", "0999"]}))
        self.accepted(world.applied())
        self.refused("illegal-transition", world.applied())
        self.refused("illegal-transition", world.joined("0101"))
        self.accepted([world.appointed(), world.joined("0101")])
        self.refused("illegal-transition", world.appointed())
        error = self.peer.fails("append", events=[world.joined("0101")])
        self.assertEqual(error.code, "refused")
        left = world.about_network("network.member-left", "2016-04-01T00:00:00Z", MINISTRY,
                                   municipality="0151")
        self.refused("not-member", left)
        self.accepted(changed(left, id="l1", data={"municipality": "0101"}))
        self.refused("not-member", changed(left, id="l2", data={"municipality": "0101"}))
        gone = world.about_network("network.dissolved", "2016-05-01T00:00:00Z", NETWORK, reason="r")
        self.accepted(gone)
        self.refused("illegal-transition", changed(gone, id="again"))

    def test_municipalities(self):
        world = self.world
        self.refused("inconsistent", changed(world.registered("0101"), data={"code": "0102"}),
                     code="invalid")
        self.accepted([world.agreed(), world.opened(organisedIn="municipalities"),
                       world.registered("0101")])
        appoint = world.event("municipality.appointed", "municipality/0101", "2016-02-01T00:00:00Z",
                              GOVERNMENT,
                              programme="w1", decidedBy="Regeringen")
        self.refused("unknown-subject", changed(appoint, subject="municipality/0999"))
        self.refused("unknown-subject", changed(appoint, data={"programme": "none"}))
        self.accepted(appoint)
        self.refused("illegal-transition", changed(appoint, id="again"))
        withdraw = world.event("municipality.withdrawn", "municipality/0101",
                               "2016-03-01T00:00:00Z", MUNICIPALITY,
                               programme="w1", reason="r")
        self.accepted(withdraw)
        self.assertEqual(self.peer.fails("append", events=[changed(withdraw, id="again")]).code,
                         "refused")

    def test_laws(self):
        world = self.world
        self.given()
        proposed = world.event("law.proposed", "law/l1", "2017-01-01T00:00:00Z", GOVERNMENT,
                               programme="w1",
                               title="Lov", role="enabling", form="act")
        enacted = world.event("law.enacted", "law/l1", "2017-02-01T00:00:00Z", PARLIAMENT,
                              programme="w1", title="Lov",
                              role="enabling", form="act")
        inforce = world.event("law.entered-into-force", "law/l1", "2017-03-01T00:00:00Z", MINISTRY,
                              programme="w1",
                              inForce="2017-03-01")
        self.refused("unknown-subject", changed(proposed, data={"programme": "none"}))
        self.refused("unknown-subject",
                     changed(proposed, data={"inspiredBy": {"networks": [], "trials": ["none"]}}))
        self.accepted(proposed)
        self.refused("illegal-transition", changed(proposed, id="again"))
        self.refused("illegal-transition", inforce)
        self.refused("not-authorised", changed(enacted, source=GOVERNMENT))
        self.accepted(enacted)
        self.refused("illegal-transition", changed(enacted, id="again"))
        self.accepted(inforce)
        self.accepted(changed(inforce, id="order", subject="law/o1",
                              data={"form": "order", "title": "O",
                                    "role": "general"}))
        self.assertEqual(self.peer.fails("append",
                                         events=[changed(inforce, id="act", subject="law/a2",
                                                         data={"form": "act"})]).code, "refused")


class Application(RulesCase):
    def test_what_an_application_needs(self):
        self.given()
        event = self.step("submitted")
        self.allowed(event)
        self.refused("unknown-subject", changed(event, data={"programme": "none"}))
        self.refused("unknown-subject", changed(event, data={"network": "none"}))
        self.refused("unknown-subject", changed(event, data={"copyOf": "none"}))
        data = {name: value for name, value in event["data"].items() if name != "route"}
        self.allowed({**event, "data": data})
        self.refused("not-member", changed(event, data={"participants": ["0101", OUTSIDER]}))
        self.refused("outside-period", changed(event, time="2016-03-31T23:59:59Z"))
        self.refused("outside-period", changed(event, time="2017-01-01T00:00:00Z"))
        self.refused("outside-period",
                     changed(event, time="2021-01-01T00:00:00Z", data={"round": None}))
        self.allowed(changed(event, time="2016-12-31T23:59:59Z"))
        self.allowed(changed(event, time="2016-04-01T00:00:00Z"))
        # The day is the one in UTC, wherever the sender's clock stands.
        self.allowed(changed(event, time="2017-01-01T00:59:59+01:00"))
        self.refused("outside-period", changed(event, time="2016-12-31T23:30:00-01:00"))
        self.refused("not-authorised", changed(event, source=MINISTRY))
        self.refused("missing-field", changed(event, data={"network": None}), code="invalid")
        self.accepted(event)
        self.refused("illegal-transition", changed(event, id="again"))

    def test_a_round_closed_or_not_opened(self):
        self.given()
        event = self.step("submitted")
        error = self.peer.fails("append", events=[changed(event, data={"round": 9})])
        self.assertEqual(error.code, "refused")
        self.accepted(self.world.about_programme("round.closed", "2016-04-15T00:00:00Z", MINISTRY,
                                                 round=1))
        self.assertEqual(self.peer.fails("append", events=[event]).code, "refused")

    def test_an_appointed_municipality_applies_by_itself(self):
        world = self.world
        self.accepted([world.agreed(), world.opened(organisedIn="municipalities"),
                       world.registered("0101"),
                       world.registered("0151"), world.round_opened(),
                       world.event("municipality.appointed", "municipality/0101",
                                   "2016-02-01T00:00:00Z", GOVERNMENT,
                                   programme="w1", decidedBy="R")])
        event = self.step("submitted", source=MUNICIPALITY,
                          data={"network": None, "participants": ["0101"]})
        self.refused("not-member", changed(event, data={"participants": ["0101", "0151"]}))
        self.accepted(event)

    def test_screening_passes_only_where_all_four_pass(self):
        self.given(until="submitted")
        event = self.step("screened")
        for limit in ("constitution", "euLaw", "economicAdvantage", "legalSecurity"):
            for word in ("fail", "unclear"):
                checks = {**event["data"]["checks"], limit: word}
                self.refused("inconsistent", changed(event, data={"checks": checks}),
                             code="invalid")
        self.allowed(changed(event, data={"result": "fail",
                                          "checks": {**event["data"]["checks"], "euLaw": "fail"}}))
        self.accepted(event)
        self.refused("illegal-transition", changed(event, id="again"))

    def test_an_application_that_failed_may_be_revised_and_is_screened_anew(self):
        self.given(until="submitted")
        failed = self.step("screened", data={"result": "fail"})
        self.accepted(failed)
        self.refused("illegal-transition", self.step("endorsed"))
        revised = self.world.about_trial("application.revised", 1, "2016-07-01T00:00:00Z", NETWORK,
                                         revision=2,
                                         summary="s")
        self.accepted(revised)
        self.refused("illegal-transition", self.step("endorsed"))
        self.accepted(self.step("screened", time="2016-08-01T00:00:00Z"))
        self.accepted(self.step("endorsed"))
        self.refused("illegal-transition",
                     changed(revised, id="again", time="2017-03-01T00:00:00Z"))

    def test_withdrawn_and_rejected_are_the_end(self):
        for number, kind, source, data in ((1, "application.withdrawn", NETWORK, {"reason": "r"}),
                                           (2, "application.rejected", GOVERNMENT,
                                            {"reason": "eu-law", "decidedBy": "R"})):
            world = World(f"p{number}")
            self.world = world
            self.given(until="endorsed")
            end = world.about_trial(kind, 1, "2017-02-02T00:00:00Z", source, **data)
            self.accepted(end)
            self.refused("illegal-transition", changed(end, id="again"))
            self.refused("illegal-transition", self.step("approved"))

    def test_approval(self):
        self.given(until="endorsed")
        event = self.step("approved")
        self.refused("not-authorised", changed(event, source=GOVERNMENT))
        self.refused("not-member", changed(event, data={"participants": ["0101", OUTSIDER]}))
        self.refused("outside-period", changed(event, time="2021-01-01T00:00:00Z"))
        backwards = [{**self.world.exemption(), "validFrom": "2022-01-01"}]
        self.refused("bad-range", changed(event, data={"exemptions": backwards}), code="invalid")
        twice = [self.world.exemption(), self.world.exemption()]
        error = self.peer.fails("append", events=[changed(event, data={"exemptions": twice})])
        self.assertIn(error.code, ("refused", "invalid"))
        self.refused("time-before-state", changed(event, time="2017-01-31T23:59:59Z"))
        self.allowed(changed(event, time="2017-02-01T08:00:00Z"))
        self.accepted(event)
        self.refused("illegal-transition", changed(event, id="again"))

    def test_an_exemption_id_is_taken_for_ever(self):
        self.given(until="approved")
        self.accepted(self.world.trial("endorsed", 2))
        self.refused("duplicate-id",
                     self.step("approved", 2, data={"exemptions": [self.world.exemption(1)]}))

    def test_no_step_is_legal_before_its_time(self):
        """Each step that changes the state is refused right after every earlier one but its own."""
        changing = [s for s in STEPS
                    if s not in ("charters", "baseline", "target", "plan", "measured")]
        self.given()
        for number, name in enumerate(changing[:-1]):
            for later in changing[number + 2:]:
                event = self.step(later, 50 + number)
                self.refused("unknown-subject", event)
            for event in self.world.trial(name, number + 1):
                self.accepted(event)
            for later in changing[number + 2:]:
                self.refused("illegal-transition", self.step(later, number + 1))


class Trial(RulesCase):
    def test_charters(self):
        self.given(until="approved")
        charter = self.step("charters")
        self.refused("not-authorised", changed(charter, source=NETWORK))
        self.assertEqual(self.peer.fails("append", events=[changed(charter, source=OTHER)]).code,
                         "refused")
        self.refused("not-member", changed(charter, source=f"/dk/kommune/{OUTSIDER}",
                                           data={"municipality": OUTSIDER}))
        self.accepted(charter)

    def test_a_start_needs_a_charter_of_every_participant(self):
        self.given(until="approved")
        start = self.step("running")
        self.refused("charter-missing", start)
        first, second = self.world.step("charters")
        self.accepted(first)
        error = self.refused("charter-missing", start)
        self.assertIn("0151", error.message)
        self.allowed(changed(start, data={"participants": ["0101"]}))
        self.accepted(second)
        self.accepted(start)
        self.refused("illegal-transition", changed(start, id="again"))

    def test_a_start_needs_an_exemption_in_force_and_approved_participants(self):
        self.given(until="charters")
        start = self.step("running")
        for day in ("2017-03-31", "2022-01-01"):
            self.refused("outside-period", changed(start, data={"startedOn": day}))
        for day in ("2017-04-01", "2021-12-31"):
            self.allowed(changed(start, data={"startedOn": day}))
        self.refused("not-member", changed(start, data={"participants": ["0101", OUTSIDER]}))
        revoked = self.world.about_trial("exemption.revoked", 1, "2017-05-01T00:00:00Z", MINISTRY,
                                         exemptionId="w1-001-e1", reason="r")
        self.accepted(revoked)
        self.assertEqual(self.peer.fails("append", events=[start]).code, "refused")
        error = self.peer.fails("append", events=[changed(revoked, id="again")])
        self.assertEqual(error.code, "refused")

    def test_suspension(self):
        self.given(until="running")
        world = self.world
        suspended = world.about_trial("trial.suspended", 1, "2018-01-01T00:00:00Z", NETWORK,
                                      reason="r")
        resumed = world.about_trial("trial.resumed", 1, "2018-02-01T00:00:00Z", NETWORK)
        self.refused("illegal-transition", resumed)
        self.accepted(suspended)
        self.refused("illegal-transition", changed(suspended, id="again"))
        self.refused("illegal-transition", self.step("completed"))
        self.refused("time-before-state", changed(resumed, time="2017-12-31T23:59:59Z"))
        self.accepted(changed(resumed, time="2018-01-01T01:00:00+01:00"))

    def test_the_stage_of_giving_up_is_the_state(self):
        self.given(until="charters")
        event = self.world.about_trial("trial.abandoned", 1, "2017-05-01T00:00:00Z", NETWORK,
                                       stage="running",
                                       reason="r")
        error = self.peer.fails("append", events=[event])
        self.assertEqual(error.code, "refused")
        self.assertIn(error.detail["rule"], ("inconsistent", "illegal-transition", "stale-value"))
        self.accepted(changed(event, data={"stage": "approved"}))
        self.refused("illegal-transition", self.step("running"))

    def test_completion_is_not_before_the_start(self):
        self.given(until="running")
        error = self.peer.fails("append",
                                events=[self.step("completed", data={"completedOn": "2017-05-31"})])
        self.assertEqual(error.code, "refused")
        self.assertIn(error.detail["rule"], ("bad-range", "inconsistent"))
        self.accepted(self.step("completed", data={"completedOn": "2017-06-01"}))

    def test_an_indicator_keeps_its_unit(self):
        self.given(until="baseline")
        target = self.step("target")
        self.refused("inconsistent", changed(target, data={"unit": "uger"}))
        self.accepted(target)
        self.accepted(self.step("running", data={"participants": ["0101"]}))
        self.refused("inconsistent", self.step("measured", data={"unit": "uger"}))
        self.refused("not-authorised", self.step("measured", source=MINISTRY))

    def test_facts_have_their_states_too(self):
        self.given(until="endorsed")
        for name in ("charters", "baseline", "target", "plan", "measured"):
            self.refused("illegal-transition", self.step(name))
        self.accepted(self.world.step("approved"))
        self.refused("illegal-transition", self.step("measured"))
        for name in ("charters", "baseline", "target", "plan"):
            self.allowed(self.step(name))

    def test_facts_may_come_late(self):
        self.given(until="running")
        self.accepted(self.step("baseline", time="2016-01-01T00:00:00Z", id="late"))

    def test_evaluations(self):
        self.given(until="measured")
        event = self.step("evaluated")
        self.refused("illegal-transition", event)
        self.allowed(changed(event, data={"kind": "interim"}))
        self.accepted(self.world.step("completed"))
        self.refused("not-authorised", changed(event, data={"mode": "external"}))
        self.allowed(changed(event, source=EVALUATOR, data={"mode": "external"}))
        self.refused("illegal-transition", self.step("assessed"))
        self.accepted(event)
        self.accepted(changed(event, id="once-more"))
        self.accepted(self.world.step("assessed"))
        self.accepted(self.step("assessed", id="second-assessment", data={"outcome": "not-spread"}))
        self.accepted(changed(event, id="after-assessment", time="2021-05-01T00:00:00Z"))

    def test_exemptions_are_prolonged_from_where_they_end(self):
        self.given(until="running")
        event = self.world.about_trial("exemption.extended", 1, "2021-12-01T00:00:00Z", MINISTRY,
                                       exemptionId="w1-001-e1", legalBasis={},
                                       **{"from": "2021-12-31", "to": "2022-12-31"})
        self.refused("stale-value", changed(event, data={"from": "2021-12-30"}))
        self.refused("bad-range", changed(event, data={"to": "2021-12-31"}), code="invalid")
        self.assertEqual(self.peer.fails("append",
                                         events=[changed(event,
                                                         data={"exemptionId": "none"})]).code,
                         "refused")
        self.accepted(event)
        expired = self.world.about_trial("exemption.expired", 1, "2022-12-31T00:00:00Z", MINISTRY,
                                         exemptionId="w1-001-e1", validTo="2022-12-31")
        self.assertEqual(self.peer.fails("append",
                                         events=[changed(expired,
                                                         time="2022-12-30T23:59:59Z")]).code,
                         "refused")
        self.assertEqual(self.peer.fails(
            "append", events=[changed(expired, data={"validTo": "2021-12-31"})]).code, "refused")
        self.accepted(expired)
        self.refused("illegal-transition", changed(expired, id="again"))

    def test_a_trial_lapses_when_its_last_exemption_runs_out_before_the_start(self):
        self.given(until="charters")
        self.accepted(self.world.about_trial("exemption.expired", 1, "2021-12-31T23:00:00Z",
                                             MINISTRY,
                                             exemptionId="w1-001-e1", validTo="2021-12-31"))
        self.assertEqual(self.peer.call("query", view="trial")["rows"][0]["state"], "lapsed")
        self.refused("illegal-transition", self.step("running", time="2022-01-01T00:00:00Z"))

    def test_an_extension_ends_after_it_begins(self):
        self.given(until="running")
        event = self.world.about_trial("trial.extended", 1, "2019-01-01T00:00:00Z", MINISTRY,
                                       **{"from": "2019-12-31", "to": "2019-12-31"})
        self.refused("bad-range", event, code="invalid")
        self.accepted(changed(event, data={"to": "2020-06-30"}))


class Correction(RulesCase):
    def setUp(self):
        super().setUp()
        self.given(until="evaluated")
        self.baseline = [e for e in self.peer.read_all() if e["type"] == "baseline.recorded"][0]
        self.event = self.world.about_trial("correction.issued", 1, "2020-06-01T00:00:00Z",
                                            MUNICIPALITY,
                                            corrects=self.baseline["id"], field="value",
                                            oldValue=10, newValue=12,
                                            reason="slip")

    def test_a_correction_names_the_value_that_stands(self):
        self.refused("stale-value", changed(self.event, data={"oldValue": 11}))
        self.accepted(changed(self.event, data={"oldValue": 10.0}))
        self.refused("stale-value", changed(self.event, id="again"))
        self.accepted(changed(self.event, id="again", data={"oldValue": 12, "newValue": 13.5}))
        row = self.peer.call("query", view="outcome")["rows"][0]
        self.assertEqual((row["baseline"], row["corrections"]), (13.5, 2))
        self.assertEqual(self.peer.read_all(types=["baseline.recorded"])[0]["data"]["value"], 10)

    def test_a_stale_value_is_told_what_stands(self):
        for stands, said in ((12, "12"), (0.1, "0.1"), (2 ** 63, str(2 ** 63)), (True, "true"),
                             (None, "nil"), ("", "''"), ("x" * 101, f"'{'x' * 100}...'"),
                             (["a", 1, [2]], "'a', 1, a list of 1"), ({"a": 1}, "a map of 1")):
            event = self.world.activity(note=stands)
            self.accepted(event)
            error = self.refused("stale-value", self.world.event(
                "correction.issued", event["subject"], event["time"], PRESS, newValue=1,
                corrects=event["id"], field="note", oldValue="-", reason="slip"))
            self.assertTrue(error.message.endswith(f"now: {said}"), error)

    def test_a_correction_names_an_event_of_the_history_and_a_field_of_it(self):
        self.refused("unknown-subject", changed(self.event, data={"corrects": "none"}))
        other = self.peer.read_all(types=["programme.opened"])[0]["id"]
        self.refused("unknown-subject",
                     changed(self.event, data={"corrects": other}, source=MINISTRY))
        for field in ("surprise", "data", ""):
            error = self.peer.fails("append", events=[changed(self.event, data={"field": field})])
            self.assertIn(error.code, ("refused", "invalid"), field)

    def test_the_reason_of_a_correction_is_corrected_and_its_value_is_not(self):
        self.accepted(self.event)
        again = changed(self.event, id="again", data={"corrects": self.event["id"],
                                                      "field": "reason", "oldValue": "slip",
                                                      "newValue": "a digit too few"})
        self.refused("inconsistent", changed(again, data={"field": "newValue", "oldValue": 12,
                                                          "newValue": 13}))
        self.accepted(again)
        self.refused("stale-value", changed(again, id="third"))
        row = self.peer.call("query", view="outcome")["rows"][0]
        self.assertEqual((row["baseline"], row["corrections"]), (12, 1))

    def test_an_event_goes_before_a_correction_of_the_same_id(self):
        self.accepted(changed(self.event, id=self.baseline["id"], source=MINISTRY))
        self.accepted(changed(self.event, source=MINISTRY, data={"oldValue": 12, "newValue": 14}))

    def test_the_new_value_has_the_type_of_the_field(self):
        for value in ("12", True, None, [12]):
            with self.subTest(value=value):
                error = self.peer.fails("append",
                                        events=[{**self.event,
                                                 "data": {**self.event["data"],
                                                          "newValue": value}}])
                self.assertIn(error.code, ("refused", "invalid"))
                self.assertIn(error.detail["rule"], ("wrong-type", "missing-field", "inconsistent"))

    def test_only_the_same_source_or_a_ministry_corrects(self):
        self.refused("not-authorised", changed(self.event, source=NETWORK))
        self.refused("not-authorised", changed(self.event, source=OTHER))
        self.allowed(changed(self.event, source=MINISTRY))


class Emitters(RulesCase):
    def test_who_may_say_what(self):
        self.given()
        for event, wrong in ((self.world.agreed(),
                              (MINISTRY, NETWORK, PRESS, "/dk/regering/x", "/dk/regeringen")),
                             (self.world.registered("0202"),
                              (GOVERNMENT, MUNICIPALITY, "/dk/ministerium/",
                               "/dk/ministerium", "dk/ministerium/x", "/DK/ministerium/x")),
                             (self.step("submitted"),
                              (GOVERNMENT, MINISTRY, PARLIAMENT, EVALUATOR, PRESS, "urn:x"))):
            for source in wrong:
                with self.subTest(type=event["type"], source=source):
                    self.refused("not-authorised", changed(event, source=source))

    def test_anyone_may_report_a_figure_or_an_activity(self):
        self.given()
        for number, source in enumerate(("/anyone", "https://example.org/x", "x", PRESS,
                                         GOVERNMENT)):
            self.accepted(self.world.about_programme("figure.reported", "2018-01-01T00:00:00Z",
                                                     source, metric="m",
                                                     value=number, asOf="2018-01-01", document="d"))
            self.accepted(changed(self.world.activity(), source=source))


class Warnings(RulesCase):
    def warned(self, event):
        return {w["rule"] for w in self.accepted(event)["warnings"]}

    def findings(self, rule, **params):
        return [r["subject"] for r in self.peer.query_all("finding", where={"rule": rule},
                                                          **params)]

    def test_a_start_without_baseline_and_target(self):
        self.given(until="plan", leave_out=("baseline", "target"))
        self.assertEqual(self.warned(self.world.step("running")), {"no-baseline", "no-target"})
        for rule in ("no-baseline", "no-target"):
            self.assertEqual(self.findings(rule), ["trial/w1-001"])

    def test_a_start_in_good_order_warns_of_nothing(self):
        self.given(until="plan")
        self.assertEqual(self.warned(self.world.step("running")), set())

    def test_a_late_evaluation(self):
        self.given(until="completed")
        late = self.step("evaluated", time="2020-07-01T00:00:00Z")
        self.assertIn("evaluated-late", self.warned(late))
        self.assertEqual(self.findings("evaluated-late"), ["trial/w1-001"])
        self.assertEqual(self.findings("unassessed"), ["trial/w1-001"])
        self.accepted(self.world.step("assessed"))
        self.assertEqual(self.findings("unassessed"), [])

    def test_an_evaluation_on_its_last_day_is_in_time(self):
        self.given(until="completed")
        self.assertNotIn("evaluated-late",
                         self.warned(self.step("evaluated", time="2020-06-30T23:59:59Z")))

    def test_what_depends_on_the_day_asked_about(self):
        self.given(until="running")
        self.assertEqual(self.findings("past-planned-end", as_of="2019-12-31"), [])
        self.assertEqual(self.findings("past-planned-end", as_of="2020-01-01"), ["trial/w1-001"])
        self.assertEqual(self.findings("past-exemption", as_of="2021-12-31"), [])
        self.assertEqual(self.findings("past-exemption", as_of="2022-01-01"), ["trial/w1-001"])
        self.accepted(self.step("completed", time="2020-02-01T00:00:00Z",
                                data={"completedOn": "2020-02-01"}))
        self.assertEqual(self.findings("evaluation-overdue", as_of="2020-06-30"), [])
        self.assertEqual(self.findings("evaluation-overdue", as_of="2020-07-01"), ["trial/w1-001"])
        self.assertEqual(self.findings("evaluation-overdue"), ["trial/w1-001"])


class ZZAll(unittest.TestCase):
    def test_every_refusal_rule_was_met(self):
        if not RulesCase.met:
            self.skipTest("nothing was run before it")
        self.assertEqual(set(RULES) - set(ELSEWHERE) - RulesCase.met, set())


if __name__ == "__main__":
    harness.main()

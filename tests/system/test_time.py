#!/usr/bin/python3
"""Two clocks, never mixed: what was so on a day, what the log knew then, and both together."""
import datetime
import unittest

import harness
from small_world import MINISTRY, MUNICIPALITY, World, changed



class Imported(harness.ImportedCase):
    """An imported history was learnt when it was imported."""

    def test_as_of_a_date_takes_in_its_whole_day(self):
        for date, instant in (("2018-02-28", "2018-02-28T23:59:59.999999999Z"),
                              ("2016-12-01", "2016-12-01T23:59:59Z"),
                              ("2020-12-31", "2020-12-31T23:59:59Z")):
            with self.subTest(date=date):
                self.assertEqual(self.daemon.log("--as-of", date),
                                 self.daemon.log("--as-of", instant))
                self.assertEqual(self.daemon.ask("funnel", "ff2", "--as-of", date),
                                 self.daemon.ask("funnel", "ff2", "--as-of", instant))
                self.assertEqual(self.daemon.ask("list", "trial", "--as-of", date),
                                 self.daemon.ask("list", "trial", "--as-of", instant))

    def test_an_instant_is_inclusive_and_may_have_any_zone(self):
        event = [e for e in self.events if e["type"] == "programme.closed"][0]
        self.assertEqual(event["time"], "2020-12-31T22:59:59Z")
        for instant, state in (("2020-12-31T22:59:59Z", "closed"),
                               ("2020-12-31T23:59:59+01:00", "closed"),
                               ("2020-12-31T22:59:58.999999999Z", "open"),
                               ("2020-12-31T23:59:58+01:00", "open")):
            self.assertEqual(self.daemon.ask("show", "programme/ff2", "--as-of", instant)["state"],
                             state, instant)

    def test_log_history_and_export_are_chosen_too(self):
        wanted = [e["id"] for e in self.events if e["time"] < "2018-01-01"]
        self.assertEqual([e["id"] for e in self.daemon.log("--as-of", "2017-12-31")], wanted)
        exported = self.daemon.ctl("export", "--format", "ndjson", "--as-of", "2017-12-31").lines()
        self.assertEqual([e["id"] for e in exported], wanted)
        mine = [e["id"] for e in self.events if e["time"] < "2018-01-01" and e["subject"]
                == "trial/ff2-018"]
        self.assertEqual([e["id"] for e in self.daemon.log("--as-of", "2017-12-31", "--subject",
                                                           "trial/ff2-018")], mine)
        text = self.daemon.ctl("history", "trial/ff2-018", "--as-of", "2017-12-31").out
        later = [e["id"] for e in self.events if e["time"] >= "2018-01-01" and e["subject"]
                 == "trial/ff2-018"]
        for name in mine:
            self.assertIn(name, text)
        for name in later:
            self.assertNotIn(name, text)

    def test_show_of_what_was_not_there_yet(self):
        self.daemon.ctl("show", "trial/ff2-018", "--as-of", "2016-01-01", "--json", status=5)
        self.assertEqual(self.daemon.ask("show", "trial/ff2-018", "--as-of", "2017-04-01")["state"],
                         "approved")
        self.assertEqual(self.daemon.ask("show", "trial/ff2-018", "--as-of", "2017-05-12")["state"],
                         "running")

    def test_nothing_was_known_before_the_import(self):
        for view in harness.VIEWS:
            self.assertEqual(self.daemon.ask("list", view, "--known-at", "2020-12-31"), [], view)
        self.assertEqual(self.daemon.log("--known-at", "2020-12-31"), [])
        result = self.daemon.ctl("list", "trial", "--known-at", "2020-12-31")
        since = self.daemon.log("--limit", "1")[0]["ingesttime"][:10]
        self.assertIn(since, result.err + result.out)
        result = self.daemon.ctl("funnel", "--json", "--known-at", "2020-12-31")
        self.assertEqual(result.out, "[]\n")
        self.assertIn(since, result.err)

    def test_all_was_known_today(self):
        today = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=1)
        for view in harness.VIEWS:
            self.assertEqual(self.daemon.ask("list", view, "--known-at", str(today)),
                             self.daemon.ask("list", view), view)

    def test_known_at_a_position(self):
        self.assertEqual(len(self.daemon.log("--known-at", "700")), 700)
        funnel = self.daemon.ask("funnel", "ff2", "--known-at", "844")
        past = self.daemon.ask("funnel", "ff2", "--as-of", "2018-02-28T23:59:59Z")
        steps = [k for k in past if k != "position"]
        self.assertEqual({k: funnel[k] for k in steps}, {k: past[k] for k in steps})
        self.assertEqual(funnel["position"], 844)
        self.assertEqual(self.daemon.ask("list", "trial", "--known-at", "1866"),
                         self.daemon.ask("list", "trial"))

    def test_both_clocks_at_once(self):
        both = self.daemon.ask("funnel", "ff2", "--as-of", "2017-12-31", "--known-at", "400")
        wanted = sum(e["type"] == "application.submitted" and e["time"] < "2018-01-01"
                     for e in self.events[:400])
        self.assertEqual(both["submitted"], wanted)
        self.assertEqual(self.daemon.ask("list", "trial", "--as-of", "2016-12-31", "--known-at",
                                         "1866"),
                         self.daemon.ask("list", "trial", "--as-of", "2016-12-31"))

    def test_a_view_as_of_the_end_equals_the_stored_one(self):
        """The fold in memory and the stored rows come from one code."""
        day = str(datetime.datetime.now(datetime.timezone.utc).date())
        for view in harness.VIEWS:
            with self.subTest(view=view):
                self.assertEqual(self.daemon.ask("list", view, "--as-of", day),
                                 self.daemon.ask("list", view))

    def test_corrections_count_from_their_own_time(self):
        def final(*when):
            rows = self.daemon.ask("list", "outcome", "subject=trial/ff2-106", *when)
            return [r for r in rows if r["final"] in (1.3, 3.4)][0]["final"]
        self.assertEqual(final("--as-of", "2021-02-08"), 3.4)
        self.assertEqual(final("--as-of", "2021-02-09T08:59:59Z"), 3.4)
        self.assertEqual(final("--as-of", "2021-02-09T09:00:00Z"), 1.3)
        self.assertEqual(final(), 1.3)
        self.assertEqual(final("--known-at", "1707"), 3.4)
        self.assertEqual(final("--known-at", "1708"), 1.3)
        self.assertEqual(final("--as-of", "2021-02-10", "--known-at", "1707"), 3.4)

    def test_dates_that_are_none(self):
        for flag in ("--as-of", "--known-at"):
            for date in ("2020-02-30", "yesterday", "2020-13-01", "2020-01-01T00:00:00", ""):
                with self.subTest(flag=flag, date=date):
                    result = self.daemon.ctl("list", "trial", flag, date, status=None)
                    self.assertIn(result.status, (3, 64))
                    self.assertEqual(result.out, "")


class Late(harness.DaemonCase):
    """Facts that come late, and events dated ahead."""

    def test_what_came_late_was_so_before_it_was_known(self):
        world = World()
        self.peer.append(world.foundation() + world.trial("running", leave_out=("baseline",)))
        head = self.peer.call("status")["head"]
        late = changed(world.step("baseline")[0], time="2017-04-10T08:00:00Z")
        self.peer.append(late)
        self.assertEqual(self.baseline(as_of="2017-05-01"), 10)
        self.assertEqual(self.baseline(as_of="2017-05-01", known_at=head), None)
        self.assertEqual(self.baseline(known_at=head), None)
        self.assertEqual(self.baseline(as_of="2017-04-09"), None)
        self.assertEqual(self.baseline(), 10)

    def baseline(self, **when):
        rows = self.peer.query_all("outcome", **when)
        return rows[0]["baseline"] if rows else None

    def test_a_second_final_evaluation_dated_early_moves_no_earlier_day(self):
        world = World()
        self.peer.append(world.foundation() + world.trial("evaluated"))
        first = world.step("evaluated")[0]
        self.peer.append(changed(first, id="second", time="2017-01-01T00:00:00Z",
                                 data={"evaluationId": "second"}))
        for day, state in (("2017-01-02", "screened"), ("2017-12-01", "running")):
            with self.subTest(day=day):
                self.assertEqual(self.peer.query_all("trial", as_of=day)[0]["state"], state)

    def test_without_a_date_the_whole_log_counts_also_what_is_dated_ahead(self):
        world = World()
        self.peer.append([world.agreed(), world.opened(periodTo="2099-12-31"),
                          world.about_programme("programme.closed", "2099-12-31T00:00:00Z",
                                                MINISTRY,
                                                closedOn="2099-12-31")])
        self.assertEqual(self.state(), "closed")
        self.assertEqual(self.state(as_of="2099-12-30"), "open")
        today = str(datetime.datetime.now(datetime.timezone.utc).date())
        self.assertEqual(self.state(as_of=today), "open")
        self.assertEqual(self.state(known_at=today), "closed")

    def state(self, **when):
        return self.peer.call("query", view="programme", **when)["rows"][0]["state"]

    def test_an_effect_without_its_cause_is_folded_all_the_same(self):
        """As of a day that has the start but not the approval, views answer, and the log is not
        judged again."""
        world = World()
        events = world.foundation() + world.trial("charters")
        self.peer.append(events)
        self.peer.append(changed(world.step("running")[0], time="2017-06-01T08:00:00Z"))
        correction = world.about_trial("correction.issued", 1, "2016-01-01T00:00:00Z", MINISTRY,
                                       corrects=events[-1]["id"], field="municipality",
                                       oldValue="0151",
                                       newValue="0101", reason="r")
        for event in (correction,
                      world.about_trial("baseline.recorded", 1, "2016-01-02T00:00:00Z",
                                        MUNICIPALITY,
                                        indicator="i", unit="u", value=1, asOf="2016-01-01")):
            try:
                self.peer.append(event)
            except harness.WireError as error:
                self.assertEqual(error.code, "refused")
        for view in harness.VIEWS:
            for date in ("2015-07-15", "2016-01-01", "2016-01-02", "2016-03-02", "2017-03-15",
                         "2017-06-01"):
                self.peer.query_all(view, as_of=date)
        self.assertEqual(self.peer.call("status")["head"], len(self.peer.read_all()))

    def test_instants_not_strings_are_compared(self):
        world = World()
        times = ["2020-06-01T12:00:00+02:00", "2020-06-01T10:30:00Z", "2020-06-01T06:00:00-05:00",
                 "2020-06-01T10:00:00.5Z"]
        self.peer.append([world.activity(time=t) for t in times])
        got = {instant: [e["time"] for e in self.peer.read_all(as_of=instant)] for instant in
               ("2020-06-01T10:00:00Z", "2020-06-01T10:00:00.5Z", "2020-06-01T10:59:59Z",
                "2020-06-01T11:00:00Z")}
        self.assertEqual(list(got.values()),
                         [times[:1], [times[0], times[3]], [times[0], times[1], times[3]], times])

    def test_days_are_days_in_utc(self):
        world = World()
        self.peer.append([world.activity(time="2020-06-01T23:30:00-01:00"),
                          world.activity(time="2020-06-02T01:00:00+02:00")])
        self.assertEqual([e["position"] for e in self.peer.read_all(as_of="2020-06-01")], [2])


if __name__ == "__main__":
    unittest.TestCase.maxDiff = 3000
    harness.main()

#!/usr/bin/python3
"""Named subscriptions: the daemon keeps how far they are, on disk, whoever dies."""
import harness
import terminal
from small_world import World

EVENTS = 5000


class Named(harness.DaemonCase):
    def setUp(self):
        super().setUp()
        self.world = World()

    def fill(self, count):
        self.peer.append(self.world.activities(count))

    def consumer(self):
        peer = self.daemon.peer()
        self.addCleanup(peer.close)
        return peer

    def subscribe(self, peer, name="n", **params):
        """Subscribe by a name; returns what was answered."""
        answer = peer.call("subscribe", name=name, **{"from": 1, "client": "me"} | params)
        self.assertLessEqual({"subscription", "position", "made"}, set(answer))
        return answer

    def take(self, peer, count):
        events = []
        while len(events) < count:
            _, note = peer.note("events")
            events += note["events"]
        self.assertEqual(len(events), count)
        return [e["position"] for e in events]

    def quiet(self, peer):
        """A heartbeat is said in silence: what is owed would have come before it."""
        for _ in range(2):
            self.assertEqual(peer.note("events", "heartbeat")[0], "heartbeat")

    def listed(self, name="n"):
        return {s["name"]: s for s in self.peer.call("subscriptions")["subscriptions"]}[name]

    def restart(self, kill=True):
        self.peer.close()
        if kill:
            self.daemon.kill()
        else:
            self.daemon.stop()
        self.daemon.start()
        self.peer = self.daemon.peer()

    def test_it_goes_on_behind_what_was_acknowledged(self):
        self.fill(10)
        first = self.consumer()
        self.assertEqual(self.subscribe(first)["made"], True)
        self.assertEqual(self.take(first, 10), list(range(1, 11)))
        self.assertEqual(first.call("ack", name="n", position=4), {"position": 4})
        first.close()
        second = self.consumer()
        answer = self.subscribe(second, takeover=True)
        self.assertEqual((answer["made"], answer["position"]), (False, 4))
        self.assertEqual(self.take(second, 6), list(range(5, 11)))

    def test_an_ack_is_taken_as_a_notification_too(self):
        self.fill(3)
        peer = self.consumer()
        self.subscribe(peer)
        self.take(peer, 3)
        peer.notify("ack", name="n", position=2)
        for params in ({}, {"name": "A", "position": 1}, {"name": "n"}, {"name": 7, "position": 3},
                       {"name": "n", "position": 9}, {"name": "n", "position": 1 << 63},
                       {"name": "other", "position": 3}, {"position": 3}):
            peer.notify("ack", **params)
        peer.call("status")
        self.assertEqual(self.listed()["position"], 2)

    def test_a_stopped_daemon_keeps_every_position(self):
        self.fill(10)
        peer = self.consumer()
        self.subscribe(peer, types=["activity."])
        self.take(peer, 10)
        peer.call("ack", name="n", position=7)
        self.restart(kill=False)
        self.assertEqual(self.listed()["position"], 7)
        self.assertEqual(self.listed()["types"], ["activity."])
        self.assertNotIn("client", self.listed())

    def test_a_killed_daemon_sends_again_and_leaves_nothing_out(self):
        seen = set()
        for number in range(5):
            self.fill(20)
            peer = self.consumer()
            answer = self.subscribe(peer)
            got = self.take(peer, (number + 1) * 20 - answer["position"])
            self.assertEqual(got, list(range(answer["position"] + 1, (number + 1) * 20 + 1)))
            seen |= set(got)
            self.assertLessEqual(answer["position"], max(0, number * 20 - 5))
            peer.call("ack", name="n", position=(number + 1) * 20 - 5)
            self.restart()
        self.assertEqual(seen, set(range(1, 101)))

    def test_a_name_that_was_answered_is_on_disk(self):
        self.fill(3)
        peer = self.consumer()
        self.assertEqual(self.subscribe(peer, **{"from": 0})["position"], 3)
        self.restart()
        self.fill(2)
        again = self.consumer()
        self.assertEqual(self.subscribe(again, **{"from": 0})["made"], False)
        self.assertEqual(self.take(again, 2), [4, 5])

    def test_a_second_consumer_is_refused_or_takes_over(self):
        self.fill(2)
        first, second = self.consumer(), self.consumer()
        number = self.subscribe(first)["subscription"]
        self.take(first, 2)
        error = second.fails("subscribe", name="n", **{"from": 1})
        self.assertEqual(error.code, "conflict")
        self.assertRegex(str(error), r"'n' is consumed by 'me' since 20")
        self.assertEqual(self.subscribe(second, takeover=True)["position"], 0)
        _, note = first.note("ended")
        self.assertEqual(note["subscription"], number)
        self.assertEqual(first.fails("ack", name="n", position=1).code, "conflict")
        self.assertEqual(self.take(second, 2), [1, 2])
        second.call("ack", name="n", position=2)

    def test_lists_that_nobody_takes_are_not_made_without_end(self):
        self.fill(1000)
        peer = self.consumer()
        self.subscribe(peer, credit=1000)
        self.take(peer, 1000)
        asked = [peer.send("park", {"name": "n", "position": position, "reason": "r" * 256})
                 for position in range(1, 1001)]
        self.assertEqual(peer.result(asked[-1])["parked"], 1000)
        slow = harness.Peer(self.daemon.endpoint, receive_limit=1)
        self.addCleanup(slow.close)
        asked = [slow.send("parked", {"name": "n"}) for _ in range(200)]
        asked.append(slow.send("subscriptions"))
        while not self.peer.call("metrics")["counters"]["requests"].get("subscriptions"):
            pass  # until the last of them was taken in
        self.assertEqual(len(slow.result(asked[0])["parked"]), 1000)
        with self.assertRaises(harness.WireError) as refused:
            slow.result(asked[-1])
        self.assertEqual(refused.exception.code, "busy")
        self.assertEqual(len(slow.call("parked", name="n")["parked"]), 1000)

    def test_who_is_refused_has_made_no_name_and_ended_nobody(self):
        self.fill(1)
        first, full = self.consumer(), self.consumer()
        self.subscribe(first)
        self.assertEqual(self.take(first, 1), [1])
        for _ in range(64):
            full.call("subscribe")
        for params in ({"name": "n", "takeover": True}, {"name": "new"}):
            self.assertEqual(full.fails("subscribe", **params).code, "busy")
        self.assertEqual([s["name"] for s in self.peer.call("subscriptions")["subscriptions"]],
                         ["n"])
        self.assertEqual(first.call("ack", name="n", position=1), {"position": 1})

    def test_a_consumer_that_left_is_in_nobodys_way(self):
        self.fill(1)
        first = self.consumer()
        number = self.subscribe(first)["subscription"]
        first.notify("unsubscribe", subscription=number)
        first.call("status")
        second = self.consumer()
        self.subscribe(second)

    def test_the_filter_is_fixed(self):
        peer = self.consumer()
        number = self.subscribe(peer, types=["trial."], subject="trial/")["subscription"]
        peer.notify("unsubscribe", subscription=number)
        for params, field in (({"types": ["trial."]}, "subject"),
                              ({"types": ["a."], "subject": "trial/"}, "types"),
                              ({"types": ["trial."], "subject": "trial/", "programme": "p"},
                               "programme")):
            error = peer.fails("subscribe", name="n", **params)
            self.assertEqual((error.code, error.detail["field"]), ("conflict", field))

    def test_nothing_is_acknowledged_that_was_not_sent(self):
        self.fill(5)
        peer = self.consumer()
        self.subscribe(peer, credit=2)
        self.assertEqual(self.take(peer, 2), [1, 2])
        self.assertEqual(peer.fails("ack", name="n", position=3).code, "invalid")
        self.assertEqual(peer.fails("ack", name="n", position=-1).code, "invalid")
        self.assertEqual(peer.fails("ack", name="other", position=1).code, "not-found")
        self.assertEqual(peer.call("ack", name="n", position=1), {"position": 1})
        self.assertEqual(peer.call("ack", name="n", position=1), {"position": 1})

    def test_parked_events_wait_until_they_are_replayed(self):
        self.fill(6)
        peer = self.consumer()
        self.subscribe(peer)
        self.take(peer, 6)
        self.assertEqual(peer.fails("park", name="n", position=9, reason="x").code, "not-found")
        peer.call("park", name="n", position=2, reason="no such case")
        self.assertEqual(peer.call("park", name="n", position=4, reason="worse")["parked"], 2)
        peer.call("ack", name="n", position=5)
        self.restart()
        parked = self.peer.call("parked", name="n")["parked"]
        self.assertEqual([(p["position"], p["reason"], p["replayed"]) for p in parked],
                         [(2, "no such case", False), (4, "worse", False)])
        peer = self.consumer()
        position = self.subscribe(peer)["position"]
        left = [p for p in range(position + 1, 7) if p not in (2, 4)]
        self.assertEqual(self.take(peer, len(left)), left)
        peer.call("ack", name="n", position=6)
        self.quiet(peer)
        self.assertEqual(self.peer.call("replay", name="n"), {"count": 2})
        _, note = peer.note("events")
        self.assertEqual((note["replayed"], note["events"]),
                         (True, self.peer.read_all(**{"from": 2})[:1]))
        self.assertEqual(self.take(peer, 1), [4])
        peer.call("ack", name="n", position=4)
        self.assertEqual(self.listed()["parked"], 1)
        peer.call("park", name="n", position=2, reason="still")
        self.assertEqual([p["reason"] for p in self.peer.call("parked", name="n")["parked"]],
                         ["still"])
        self.restart()
        self.assertEqual([p["position"] for p in self.peer.call("parked", name="n")["parked"]],
                         [2])

    def test_a_replay_outlives_both_sides(self):
        self.fill(3)
        peer = self.consumer()
        self.subscribe(peer)
        self.take(peer, 3)
        peer.call("park", name="n", position=2, reason="x")
        peer.call("ack", name="n", position=3)
        self.peer.call("replay", name="n")
        self.take(peer, 1)
        self.restart()
        peer = self.consumer()
        position = self.subscribe(peer)["position"]
        self.assertIn(2, self.take(peer, 1 + sum(p != 2 for p in range(position + 1, 4))))

    def test_events_in_flight_are_bounded(self):
        self.daemon.stop()
        self.daemon.arguments = ["--ack-window", "3", "--parked-events", "1",
                                 "--named-subscriptions", "1"]
        self.daemon.start()
        self.peer = self.daemon.peer()
        self.fill(8)
        peer = self.consumer()
        self.subscribe(peer)
        self.assertEqual(self.take(peer, 3), [1, 2, 3])
        self.quiet(peer)
        self.assertEqual(self.listed()["in_flight"], 3)
        peer.call("ack", name="n", position=2)
        self.assertEqual(self.take(peer, 2), [4, 5])
        peer.call("park", name="n", position=4, reason="x")
        self.assertEqual(self.take(peer, 1), [6])
        self.assertEqual(peer.fails("park", name="n", position=5, reason="x").code, "busy")
        self.assertEqual(peer.fails("subscribe", name="another").code, "busy")

    def test_listed_with_lag(self):
        self.fill(5)
        peer = self.consumer()
        self.subscribe(peer, client="a worker")
        self.take(peer, 5)
        peer.call("ack", name="n", position=2)
        row = self.listed()
        self.assertEqual({k: row[k] for k in ("client", "position", "lag", "in_flight", "parked",
                                              "subject", "types", "programme")},
                         {"client": "a worker", "position": 2, "lag": 3, "in_flight": 3,
                          "parked": 0, "subject": "", "types": [], "programme": ""})

    def test_what_the_filter_passes_over_is_no_lag(self):
        self.fill(5)
        peer = self.consumer()
        self.subscribe(peer, types=["trial."])
        peer.note("live")
        self.assertEqual((self.listed()["position"], self.listed()["lag"]), (5, 0))

    def test_removed(self):
        self.fill(3)
        peer = self.consumer()
        self.subscribe(peer)
        self.take(peer, 3)
        peer.call("park", name="n", position=1, reason="x")
        self.assertEqual(self.peer.fails("unsubscribe", name="n").code, "conflict")
        self.assertEqual(peer.call("unsubscribe", name="n"), {"name": "n", "parked": 1})
        self.assertEqual(peer.note("ended")[1]["reason"], "the subscription was removed")
        self.restart()
        self.assertEqual(self.peer.call("subscriptions")["subscriptions"], [])
        self.assertEqual(self.peer.fails("unsubscribe", name="n").code, "not-found")
        self.assertEqual(self.subscribe(self.consumer())["position"], 0)

    def test_trialctl_lists_replays_and_removes(self):
        self.fill(4)
        peer = self.consumer()
        self.subscribe(peer)
        self.take(peer, 4)
        peer.call("park", name="n", position=3, reason="no such case")
        peer.call("ack", name="n", position=4)
        rows = self.daemon.ask("list", "subscription")
        self.assertEqual([(r["name"], r["lag"], r["head"], r["parked"]) for r in rows],
                         [("n", 0, 4, 1)])
        self.assertEqual(self.daemon.ask("list", "subscription", "parked=2"), [])
        for words in (("subscription", "nmae=n"), ("parked", "name=n", "nmae=n")):
            self.assertIn(f"{words[0]} has no field 'nmae'",
                          self.daemon.ctl("list", *words, status=3).err)
        self.assertEqual([r["reason"] for r in self.daemon.ask("list", "parked", "name=n")],
                         ["no such case"])
        asked = self.daemon.ctl("replay", "n", status=1)
        self.assertIn("1 events of 'n' are parked; send them all again?", asked.err)
        self.quiet(peer)
        self.assertEqual(self.daemon.ask("replay", "n", "--yes"), {"count": 1})
        self.assertEqual(self.take(peer, 1), [3])
        self.daemon.ctl("unsubscribe", "n", "--yes", status=4)
        peer.close()
        self.assertEqual(self.daemon.ask("unsubscribe", "n", "--yes"), {"name": "n", "parked": 1})
        self.daemon.ctl("replay", "n", "--yes", status=5)

    def on_a_terminal(self, verb, keys):
        """What a person is told who presses these keys when asked; and with which status it ends."""
        window = terminal.Terminal(self.daemon, verb, "n")
        try:
            window.press(keys)
            status = window.process.wait(harness.WAIT_S)
            return status, window.process.stderr.read().decode()
        finally:
            window.close()

    def test_a_person_is_asked_and_only_yes_is_yes(self):
        self.fill(3)
        peer = self.consumer()
        subscription = self.subscribe(peer)["subscription"]
        self.take(peer, 3)
        peer.call("park", name="n", position=2, reason="no such case")
        peer.call("ack", name="n", position=3)
        asked = {"replay": "1 events of 'n' are parked; send them all again? [y/N]",
                 "unsubscribe": "1 events of 'n' are parked; remove it with them and its position? [y/N]"}
        for verb, words in asked.items():
            for keys in (b"n\n", b"\n", b"nay, yes\n", b"\x04"):
                status, said = self.on_a_terminal(verb, keys)
                self.assertEqual(status, 1, said)
                self.assertIn(words, said)
                self.assertIn("nothing was done", said)
        self.assertEqual([p["replayed"] for p in self.peer.call("parked", name="n")["parked"]],
                         [False])
        self.assertEqual(self.on_a_terminal("replay", b"y\n")[0], 0)
        self.assertEqual(self.take(peer, 1), [2])
        peer.notify("unsubscribe", subscription=subscription)
        peer.call("hello")  # that the connection is gone might be known later
        self.assertEqual(self.on_a_terminal("unsubscribe", b"yes\n")[0], 0)
        self.assertEqual(self.peer.call("subscriptions")["subscriptions"], [])

    def test_a_silent_consumer_is_replaced_and_told_and_one_that_speaks_is_not(self):
        self.daemon.stop()
        self.daemon.arguments = ["--consumer-ms", "1000"]
        self.daemon.start()
        self.peer = self.daemon.peer()
        self.fill(2)
        first, second = self.consumer(), self.consumer()
        number = self.subscribe(first)["subscription"]
        self.take(first, 2)
        clock = self.consumer()
        clock.call("subscribe")
        clock.note("live")
        for _ in range(2):  # a heartbeat comes each second: two are longer than consumer_ms
            first.notify("credit", subscription=number, add=0)
            first.call("status")
            self.assertEqual(second.fails("subscribe", name="n", **{"from": 1}).code, "conflict")
            clock.note("heartbeat")
            first.notify("credit", subscription=number, add=0)
            first.call("status")
        answer = None
        for _ in range(harness.WAIT_S):  # it says nothing more, and is out after so long
            try:
                answer = second.call("subscribe", name="n", client="second", **{"from": 1})
                break
            except harness.WireError as error:
                self.assertEqual(error.code, "conflict")
                clock.note("heartbeat")
        self.assertIsNotNone(answer, "a silent consumer is never replaced")
        self.assertEqual((answer["made"], answer["position"]), (False, 0))
        _, note = first.note("ended")
        self.assertEqual((note["subscription"], note["code"], note["reason"]),
                         (number, "conflict", "another consumer took over"))
        self.assertEqual(first.fails("ack", name="n", position=1).code, "conflict")
        self.assertEqual(self.take(second, 2), [1, 2])
        second.call("ack", name="n", position=2)
        self.assertEqual((self.listed()["client"], self.listed()["position"]), ("second", 2))

    def work_off(self, window, step):
        """Thousands of events, `step` of them worked off at a time; how many were in flight at
        most."""
        self.daemon.stop()
        self.daemon.arguments = ["--ack-window", str(window)]
        self.daemon.start()
        self.peer = self.daemon.peer()
        for _ in range(EVENTS // 1000):
            self.fill(1000)
        peer = self.consumer()
        self.subscribe(peer, credit=100_000)
        got, most, acked = [], 0, 0
        while len(got) < EVENTS:
            _, note = peer.note("events")
            got += [e["position"] for e in note["events"]]
            most = max(most, len(got) - acked)
            if len(got) - acked >= step or len(got) == EVENTS:
                acked = len(got)
                peer.notify("ack", name="n", position=acked)
        self.assertEqual(got, list(range(1, EVENTS + 1)))
        peer.call("status")
        self.assertEqual([self.listed()[k] for k in ("position", "lag", "in_flight")],
                         [EVENTS, 0, 0])
        self.assertEqual([note for word, note in peer.notes if word == "events"], [])
        return most

    def test_a_window_of_one_hands_out_one_at_a_time(self):
        self.assertEqual(self.work_off(1, 1), 1)

    def test_a_window_of_a_thousand_is_filled_and_never_exceeded(self):
        self.assertEqual(self.work_off(1024, 1024), 1024)

    def test_what_there_is_comes_at_once_and_not_with_the_next_heartbeat(self):
        """The answer waits for the disk. What it lets begin must wait for no clock: of so many
        subscribers each would wait for a heartbeat of its own."""
        self.fill(3)
        clock = self.consumer()
        clock.call("subscribe")
        clock.note("live")
        names = [f"n{i}" for i in range(6)]
        for name in names:
            peer = self.consumer()
            self.subscribe(peer, name=name)
            self.assertEqual(self.take(peer, 3), [1, 2, 3])
        clock.call("status")
        beats = [word for word, _ in clock.notes if word == "heartbeat"]
        self.assertLess(len(beats), len(names) - 1)

    def test_names(self):
        for name in ("", "A", "-a", "a b", "x" * 65):
            self.assertEqual(self.peer.fails("subscribe", name=name).code, "invalid")
        self.subscribe(self.peer, name="x" * 64)

    def test_the_rest_of_the_store_knows_nothing_of_it(self):
        self.fill(3)
        peer = self.consumer()
        self.subscribe(peer)
        self.take(peer, 3)
        peer.call("park", name="n", position=2, reason="x")
        self.peer.call("rebuild")
        verified = self.peer.call("verify")
        self.assertEqual((verified["bad"], verified["size"]), (0, 3))
        self.assertEqual(self.listed()["parked"], 1)


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
"""The daemon dies at each write and flush while a consumer acknowledges, parks and replays: before
the call, the nth, n = 1, 2, 3 ..., until a life is clean.

A position that is kept was acknowledged; what was handed out and not acknowledged comes again; what
was answered of names and of parked events is there. An `ack` may be forgotten, never invented."""
import os
import shutil

from faulty import FaultCase, Gone, LastWords, harness
from small_world import World

CALLS = "write meta sync fsync"
N_MAX = 2000
LIVES_OF_A_STORE = 12


class Kept:
    """What the consumer knows of its subscription, whatever the daemon says."""

    def __init__(self):
        self.world = World("w1")
        self.is_made = False
        self.least = 0       # a position that is on disk for certain
        self.said = 0        # the last one that an ack was sent for
        self.parked = {}     # position -> True: answered; False: asked for, or its ack was sent
        self.other = False   # is there a second name? None: nobody knows

    def most(self):
        """All up to there may be worked off: an ack or a park was sent for each."""
        position = self.said
        while position + 1 in self.parked:
            position += 1
        return position


class Named(FaultCase):
    def setUp(self):
        super().setUp()
        self.store = self.scratch / "store"

    def subscribe(self, peer, name="n"):
        return peer.call("subscribe", name=name, client="c", takeover=True, **{"from": 1})

    def take(self, peer, position):
        """Every event that comes up to `live`, and what is replayed behind it."""
        got = []
        word, note = peer.note("events", "live")
        while word == "events":
            got += [e["position"] for e in note["events"] if not note.get("replayed")]
            word, note = peer.note("events", "live")
        wanted = [p for p in range(position + 1, note["head"] + 1) if p in got or p not in self.kept.parked]
        self.assertEqual(got, wanted)
        return got

    def ack(self, peer, position):
        self.kept.said = max(self.kept.said, position)
        self.kept.parked = {p: is_sure and p != position for p, is_sure in self.kept.parked.items()}
        self.assertGreaterEqual(peer.call("ack", name="n", position=position)["position"], 0)

    def park(self, peer, position):
        self.kept.parked.setdefault(position, False)
        answer = peer.call("park", name="n", position=position, reason="no such case")
        self.kept.parked[position] = True
        self.kept.least = answer["position"]

    def work(self, peer):
        kept = self.kept
        peer.append(kept.world.activities(6))
        position = self.subscribe(peer)["position"]
        kept.is_made = True
        got = self.take(peer, position)
        for one in got[:-3]:
            self.ack(peer, one)
        self.park(peer, got[-2])
        peer.append(kept.world.activities(1))  # so that it may die here
        self.ack(peer, got[-3])
        self.ack(peer, got[-1])
        peer.append(kept.world.activities(1))
        self.assertGreater(peer.call("replay", name="n")["count"], 0)
        _, note = peer.note("events")
        while not note.get("replayed"):
            _, note = peer.note("events")
        self.ack(peer, note["events"][0]["position"])
        kept.other = None
        self.subscribe(peer, "other")
        kept.other = True
        kept.other = None
        peer.call("unsubscribe", name="other")
        kept.other = False

    def live(self, n):
        """One life that is cut off at the nth call; True where it was reached."""
        if os.path.exists(self.arm):
            os.unlink(self.arm)
        daemon = self.daemon(call=CALLS, nth=n, how="kill", under=self.store, arm=self.arm).start()
        peer = LastWords(daemon)
        try:
            open(self.arm, "wb").close()
            self.work(peer)
            daemon.process.terminate()
        except Gone:
            pass
        status = daemon.process.wait(harness.WAIT_S)
        peer.close()
        daemon.forget()
        self.assertIn(status, (0, -9), daemon.stderr())
        return self.was_reached()

    def check(self):
        """A clean life: what is kept, and what comes again. It is killed too."""
        kept = self.kept
        with self.daemon() as daemon, LastWords(daemon) as peer:
            rows = {row["name"]: row for row in peer.call("subscriptions")["subscriptions"]}
            if kept.other is not None:
                self.assertEqual("other" in rows, kept.other)
            if kept.is_made or "n" in rows:
                position = rows["n"]["position"]
                self.assertLessEqual(kept.least, position)
                self.assertLessEqual(position, kept.most(), "nobody worked that off")
                parked = {p["position"] for p in peer.call("parked", name="n")["parked"]}
                self.assertLessEqual({p for p, is_sure in kept.parked.items() if is_sure}, parked)
                self.assertLessEqual(parked, set(kept.parked))
                kept.parked = {p: True for p in parked}
                self.assertEqual(self.subscribe(peer)["position"], position)
                got = self.take(peer, position)
                head = peer.call("status")["head"]
                self.assertEqual(set(range(position + 1, head + 1)) - set(got) - parked, set(),
                                 "handed out, not acknowledged, and not sent again")
                kept.is_made, kept.least, kept.said = True, position, position
            self.assertEqual(peer.call("verify")["bad"], 0)
            daemon.kill()

    def test_killed_at_each_write(self):
        for n in range(1, N_MAX):
            if n % LIVES_OF_A_STORE == 1:
                shutil.rmtree(self.store, ignore_errors=True)
                self.kept = Kept()
            with self.subTest(n=n):
                was_cut_off = self.live(n)
                self.check()
                if not was_cut_off:
                    print(f"killed at each of {n - 1} calls", flush=True)
                    self.assertGreater(n, 10)
                    return
        self.fail("the walk does not end")


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
"""Killed without warning in the midst of an import, again and again: what was acknowledged is
there, once and in order.

TRIAL_ROUNDS is the number of kills, 10 unless told; TRIAL_SEED repeats a run."""
import collections
import os
import random
import unittest

import harness
import oracle

ROUNDS = int(os.environ.get("TRIAL_ROUNDS") or 10)
KILLS_OF_A_STORE_MAX = 3


class Kill(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.random = random.Random(harness.seed())
        self.events = harness.load()
        with harness.Daemon() as daemon, daemon.peer() as peer:
            peer.append(self.events[:1000])
            peer.append(self.events[1000:])
            self.expected = {view: peer.query_all(view) for view in harness.VIEWS}

    def requests(self):
        """The whole history in requests of random sizes, mostly small."""
        start, cut = 0, []
        size_max = self.random.choice((1, 3, 20, 200))
        while start < len(self.events):
            size = self.random.randint(1, size_max)
            cut.append(self.events[start:start + size])
            start += size
        return cut

    def import_and_kill(self, daemon, kept, ledger):
        """Import from the beginning and kill in the midst of it; {id: position} of what was
        acknowledged."""
        acknowledged = dict(kept)
        requests = self.requests()
        kill_after = self.random.randint(0, len(requests))
        window = self.random.choice((1, 8, 64))
        peer = daemon.peer()
        sent, answered = [], 0
        for request in requests[:kill_after]:
            ledger.sent(request)
            sent.append((request, peer.send("append", {"events": request})))
            while len(sent) - answered > window:
                self.note_answer(peer, sent[answered], acknowledged)
                answered += 1
        for request in requests[kill_after:kill_after + window]:
            ledger.sent(request)
            peer.send("append", {"events": request})
        daemon.kill()
        while peer.socket.poll(0):
            peer.take(peer.receive())
        for request, msgid in sent[answered:]:
            if msgid in peer.replies:
                self.note_answer(peer, (request, msgid), acknowledged)
        peer.close()
        return acknowledged

    def note_answer(self, peer, sent, acknowledged):
        request, msgid = sent
        answer = peer.result(msgid)
        for event, position in zip(request, answer["positions"]):
            self.assertEqual(acknowledged.setdefault(event["id"], position), position)

    def check_log(self, peer, acknowledged):
        """The log is a beginning of the history, whole, and holds at its place all that was
        acknowledged."""
        log = peer.read_all()
        self.assertEqual([e["position"] for e in log], list(range(1, len(log) + 1)))
        self.assertEqual([harness.bare(e) for e in log], self.events[:len(log)])
        revisions = collections.Counter()
        for event in log:
            revisions[event["subject"]] += 1
            self.assertEqual(event["revision"], revisions[event["subject"]])
        positions = {e["id"]: e["position"] for e in log}
        for name, position in acknowledged.items():
            self.assertEqual(positions.get(name), position, f"{name} was acknowledged")
        times = [e["ingesttime"] for e in log]
        self.assertEqual(times, sorted(times))
        return log

    def check_views(self, peer):
        """The views as the crash left them are what a fold of the log gives."""
        left = {view: peer.query_all(view) for view in harness.VIEWS}
        peer.call("rebuild")
        for view in harness.VIEWS:
            self.assertEqual(left[view], peer.query_all(view), view)
        status = peer.call("status")
        verified = peer.call("verify")
        self.assertEqual((verified["size"], verified["root"], verified["bad"]),
                         (status["head"], status["root"], 0))

    def complete(self, daemon, kept):
        """Resent from the beginning, the history is whole and everything that was there is a
        duplicate."""
        with daemon.peer() as peer:
            duplicates = 0
            for start in range(0, len(self.events), 500):
                duplicates += sum(peer.append(self.events[start:start + 500])["duplicates"])
            self.assertEqual(duplicates, kept)
            self.assertEqual(peer.call("status")["head"], 1866)
            for view in harness.VIEWS:
                self.assertEqual(peer.query_all(view), self.expected[view], view)

    def test_killed_at_random_moments_of_an_import(self):
        kills = 0
        while kills < ROUNDS:
            daemon = harness.Daemon().start()
            try:
                acknowledged, log, ledger = {}, [], oracle.Ledger()
                for _ in range(self.random.randint(1, KILLS_OF_A_STORE_MAX)):
                    acknowledged = self.import_and_kill(daemon, acknowledged, ledger)
                    kills += 1
                    daemon.start()
                    with daemon.peer() as peer:
                        log = self.check_log(peer, acknowledged)
                        self.check_views(peer)
                    acknowledged = {e["id"]: e["position"] for e in log}
                self.complete(daemon, len(log))
                daemon.stop()
                for event in log:
                    ledger.acknowledged([event], [event["position"]])
                ledger.sent(self.events)
                ledger.judge(daemon.store)
            finally:
                daemon.close()
        print(f"{kills} kills", flush=True)

    def test_killed_while_it_rebuilds(self):
        daemon = harness.Daemon().start()
        try:
            with daemon.peer() as peer:
                peer.append(self.events[:1000])
                peer.append(self.events[1000:])
            for _ in range(min(ROUNDS, 20)):
                peer = daemon.peer()
                peer.send("rebuild", {})
                for _ in range(self.random.randint(0, 3)):
                    peer.call("status")
                daemon.kill()
                peer.close()
                daemon.start()
                with daemon.peer() as peer:
                    for view in harness.VIEWS:
                        self.assertEqual(peer.query_all(view), self.expected[view], view)
            daemon.stop()
        finally:
            daemon.close()

    def test_killed_while_it_starts_on_a_fresh_store(self):
        """A store half made is either opened or made anew; it never stands in the way for ever."""
        for _ in range(min(ROUNDS, 20)):
            daemon = harness.Daemon()
            try:
                daemon.spawn()
                for _ in range(self.random.randrange(200000)):
                    pass
                daemon.kill()
                daemon.start()
                with daemon.peer() as peer:
                    self.assertEqual(peer.append(self.events[:5])["last"], 5)
                daemon.stop()
            finally:
                daemon.close()


if __name__ == "__main__":
    harness.main()

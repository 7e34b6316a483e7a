#!/usr/bin/python3
"""One history ends in one set of views, however its events were cut into requests and among
whatever others they came."""
import collections
import concurrent.futures
import random
import unittest

import harness
import second_programme

REQUEST_MAX = 1000
IN_FLIGHT = 256
# What a row says of the log's own order or of the present day, not of the programme.
OF_THE_LOG = ("position", "days")


def cut(events, sizes):
    """The events in their order, in requests of the given sizes."""
    start = 0
    for size in sizes:
        if start >= len(events):
            return
        yield events[start:start + size]
        start += size


def send(peer, requests):
    """Append requests, up to IN_FLIGHT of them unanswered; the positions in the order of the
    events."""
    sent, results = [], []
    for request in requests:
        sent.append(peer.send("append", {"events": request}))
        if len(sent) - len(results) >= IN_FLIGHT:
            results.append(peer.result(sent[len(results)]))
    results += [peer.result(msgid) for msgid in sent[len(results):]]
    return [p for r in results for p in r["positions"]], [d for r in results
                                                          for d in r["duplicates"]]


def of_first(row):
    """A row as the first programme alone would have left it: None where it is not about it."""
    text = str(row.get("subject", "")) + " " + str(row.get("programme", ""))
    if "ff9" in text or any("ff9" in str(row.get(k, "")) for k in ("exemptionId", "evaluationId")):
        return None
    kept = {}
    for key, value in row.items():
        if key in OF_THE_LOG:
            continue
        if isinstance(value, list):
            value = [of_the_log_removed(v) for v in value if "ff9" not in str(v)]
        kept[key] = value
    return kept


def of_the_log_removed(value):
    if isinstance(value, dict):
        return {k: v for k, v in value.items() if k not in OF_THE_LOG}
    return value


def snapshot(daemon):
    """Every row of every view that is about the first programme."""
    found = {}
    for view in harness.VIEWS:
        rows = [of_first(row) for row in daemon.ask("list", view)]
        found[view] = [row for row in rows if row is not None]
    return found


class Import(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.events = harness.load()
        cls.random = random.Random(harness.seed())
        with harness.Daemon() as daemon:
            got = daemon.import_file()
            assert got == {"read": 1866, "appended": 1866, "duplicates": 0, "rejected": 0}, got
            cls.expected = snapshot(daemon)

    def same(self, daemon):
        got = snapshot(daemon)
        for view in harness.VIEWS:
            with self.subTest(view=view):
                self.assertEqual(len(got[view]), len(self.expected[view]))
                for mine, theirs in zip(got[view], self.expected[view]):
                    self.assertEqual(mine, theirs)

    def cut_into(self, sizes):
        with harness.Daemon() as daemon, daemon.peer() as peer:
            positions, duplicates = send(peer, cut(self.events, sizes))
            self.assertEqual(positions, list(range(1, 1867)))
            self.assertFalse(any(duplicates))
            self.assertEqual([harness.bare(e) for e in peer.read_all()], self.events)
            self.same(daemon)

    def test_every_view_has_rows(self):
        self.assertEqual([v for v in harness.VIEWS if not self.expected[v]], [])

    def test_requests_of_random_sizes(self):
        sizes = []
        while sum(sizes) < len(self.events):
            sizes.append(self.random.randint(1, REQUEST_MAX))
        self.cut_into(sizes)

    def test_requests_of_small_random_sizes(self):
        self.cut_into([self.random.randint(1, 20) for _ in self.events])

    def test_requests_of_one(self):
        self.cut_into([1] * len(self.events))

    def test_requests_of_a_thousand(self):
        self.cut_into([1000, 1000])

    def test_two_programmes_interleaved_line_by_line(self):
        other = second_programme.second(self.events)
        both = second_programme.interleaved(self.events, other)
        self.assertEqual(len({e["id"] for e in both}), 2 * 1866)
        with harness.Daemon() as daemon:
            got = daemon.import_events(both)
            self.assertEqual(got, {"read": 3732, "appended": 3732, "duplicates": 0, "rejected": 0})
            self.same(daemon)
            funnels = {r["programme"]: r for r in daemon.ask("list", "funnel")}
            self.assertEqual(set(funnels), {"ff2", "ff9"})
            for key in ("submitted", "approved", "completed", "assessed", "abandonedBy",
                        "provenance"):
                self.assertEqual(funnels["ff2"][key], funnels["ff9"][key])
            compared = daemon.ask("compare", "ff2", "ff9")
            self.assertTrue(compared)
            self.only_of_one_programme(daemon)

    def only_of_one_programme(self, daemon):
        """`programme` takes the history of the one only, and of all that is its own."""
        with daemon.peer() as peer:
            events = peer.read_all(programme="ff2")
        mine = [e for e in self.events if e["type"] != "municipality.registered"]
        self.assertEqual([harness.bare(e) for e in events], mine)

    def test_imported_twice(self):
        with harness.Daemon() as daemon:
            first = daemon.import_file()
            again = daemon.import_file()
            self.assertEqual(first,
                             {"read": 1866, "appended": 1866, "duplicates": 0, "rejected": 0})
            self.assertEqual(again,
                             {"read": 1866, "appended": 0, "duplicates": 1866, "rejected": 0})
            self.assertEqual(daemon.ask("status")["head"], 1866)
            self.same(daemon)

    def test_imported_twice_in_other_requests_gets_the_first_answers(self):
        with harness.Daemon() as daemon, daemon.peer() as peer:
            first = send(peer, cut(self.events, [1000, 1000]))
            again = send(peer, cut(self.events, [7] * len(self.events)))
            self.assertEqual(again[0], first[0])
            self.assertTrue(all(again[1]))

    def test_imported_by_four_at_once(self):
        """Every event is appended by one of them and a duplicate to the others; none is refused."""
        with harness.Daemon() as daemon:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                running = [pool.submit(daemon.import_file) for _ in range(4)]
                results = [r.result() for r in running]
            self.assertEqual([r["rejected"] for r in results], [0] * 4)
            self.assertEqual(sum(r["appended"] for r in results), 1866)
            self.assertEqual(sum(r["duplicates"] for r in results), 3 * 1866)
            self.same(daemon)

    def test_rebuilt_while_others_write_and_read(self):
        with harness.Daemon() as daemon, daemon.peer() as builder, daemon.peer() as reader:
            with daemon.peer() as writer:
                for start in range(0, 1866, 50):
                    sent = writer.send("append", {"events": self.events[start:start + 50]})
                    asked = builder.send("rebuild", {})
                    rows = reader.send("query", {"view": "trial"})
                    writer.result(sent)
                    self.assertLessEqual(len(reader.result(rows)["rows"]), 107)
                    builder.result(asked)
            self.same(daemon)

    def test_rebuilt(self):
        with harness.Daemon() as daemon:
            daemon.import_file()
            answer = daemon.ask("rebuild")
            self.assertTrue(answer)
            self.same(daemon)
            for view in harness.VIEWS:
                daemon.ask("rebuild", view)
            self.same(daemon)
            views = daemon.ask("status")["views"]
            self.assertEqual(set(harness.VIEWS) - set(views), set())
            self.assertEqual(collections.Counter(views.values()), {1866: len(views)})


if __name__ == "__main__":
    harness.main()

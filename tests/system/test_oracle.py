#!/usr/bin/python3
"""The oracle sees what it is there for: a sound store passes, whatever else it is told is a
violation."""
import shutil
import unittest

import harness
import oracle


class Oracle(unittest.TestCase):
    def setUp(self):
        self.events = harness.load()
        self.ledger = oracle.Ledger()
        self.daemon = harness.Daemon().start()
        self.addCleanup(self.daemon.close)
        with self.daemon.peer() as peer:
            for start in (0, 1000):
                part = self.events[start:start + 1000]
                self.ledger.sent(part)
                self.ledger.acknowledged(part, peer.append(part)["positions"])
        self.daemon.kill()

    def test_a_killed_daemons_store_is_sound_and_stays_so(self):
        self.assertIn("1866 events were sent", self.ledger.judge(self.daemon.store))
        self.assertIn("ends at 1867", self.ledger.judge(self.daemon.store))
        self.daemon.start()
        self.daemon.stop()
        self.ledger.judge(self.daemon.store)

    def assert_violation(self, words):
        with self.assertRaisesRegex(oracle.Unsound, words):
            self.ledger.judge(self.daemon.store)

    def test_what_is_not_as_it_was_told_is_a_violation(self):
        rows = self.ledger.rows
        name = next(iter(rows))
        row = rows[name]
        lost = {"event": dict(row["event"], id="lost"), "position": 1867}
        for wrong, words in (
                (None, "position 1 was sent by nobody"),
                (dict(row, position=7), "acknowledged at 7 is not known"),
                (dict(row, event=dict(row["event"], time="2001-01-01T00:00:00Z")),
                 "is not known when sent again")):
            rows[name] = wrong
            if wrong is None:
                del rows[name]
            self.assert_violation(words)
        rows[name] = row
        rows["lost"] = lost
        self.assert_violation("1867 was acknowledged and is gone")
        del lost["position"]
        lost["request"] = row["request"]
        reordered = [(name, rows.pop(name)), ("lost", rows.pop("lost"))]
        rows.update(reordered)
        self.assert_violation("there in part")

    def test_a_store_that_is_gone_is_a_violation_though_a_new_one_opens(self):
        shutil.rmtree(self.daemon.store)
        self.assert_violation("was made, and is gone")


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
"""A right that is taken away in the midst of what it was used for."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system"), os.path.join(HERE, "..", "support")]
import harness  # noqa: E402
import threads  # noqa: E402
from keyring import Keyring  # noqa: E402


class Revoked(unittest.TestCase):
    """One daemon with keys for each test."""

    def setUp(self):
        self.ring = Keyring()
        self.addCleanup(self.ring.close)

    def start(self):
        self.ring.start()
        self.root = self.ring.peer()
        self.addCleanup(self.root.close)

    def jobs(self):
        return self.root.call("metrics")["gauges"]["reader_jobs"]

    def test_what_a_reader_has_already_is_refused_too(self):
        secret = self.ring.make("auditor", "audit read")
        self.start()
        peer = self.ring.key_peer(secret)
        self.addCleanup(peer.close)
        self.assertEqual(self.root.call("verify")["bad"], 0)  # and all of it is in the tables
        stopped = threads.own(self.ring.process.pid)
        for thread in stopped:
            threads.stop(thread)
        asked = {peer.send("query", {"view": "right"}): "read", peer.send("records"): "audit",
                 peer.send("verify"): "audit"}
        while self.jobs() < len(asked):
            pass
        self.ring.forget_key("auditor")
        self.ring.wait_until_refused(peer)
        for thread in stopped:
            threads.go_on(thread)
        for msgid, right in asked.items():
            with self.assertRaises(harness.WireError) as refused:
                peer.result(msgid)
            self.assertEqual((refused.exception.code, refused.exception.detail["right"]),
                             ("unauthorised", right))
            self.assertIn("was revoked before this was answered", refused.exception.message)
        self.assertEqual(self.jobs(), 0)
        self.assertNotIn("verifying", [c["name"] for c in self.root.call("status")["conditions"]])
        counted = self.root.call("metrics")["counters"]["requests"]
        self.assertEqual([counted[method].get("unauthorised") for method in
                          ("query", "records", "verify")], [1, 1, 1])


if __name__ == "__main__":
    harness.main()

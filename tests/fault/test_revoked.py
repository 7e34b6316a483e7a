#!/usr/bin/python3
"""A right that is taken away in the midst of what it was used for."""
import os
import pwd
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system"), os.path.join(HERE, "..", "support")]
import faulty  # noqa: E402
import harness  # noqa: E402
import threads  # noqa: E402
from keyring import KeyringCase  # noqa: E402


class Revoked(KeyringCase):
    def jobs(self):
        return self.root.call("metrics")["gauges"]["reader_jobs"]

    def test_what_a_reader_has_already_is_refused_too(self):
        secret = self.ring.make("auditor", "audit read")
        self.start()
        peer = self.ring.key_peer(secret)
        self.addCleanup(peer.close)
        self.assertEqual(self.root.call("verify")["bad"], 0)  # and all of it is in the tables
        with threads.held(self.ring.process.pid):
            asked = {peer.send("query", {"view": "right"}): "read", peer.send("records"): "audit",
                     peer.send("verify"): "audit"}
            while self.jobs() < len(asked):
                pass
            self.ring.forget_key("auditor")
            self.ring.wait_until_refused(peer)
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

    def test_a_rebuild_that_waits_is_refused(self):
        secret = self.ring.make("operator", "operate")
        self.start()
        peer = self.ring.key_peer(secret)
        self.addCleanup(peer.close)
        with threads.held(self.ring.process.pid):
            under_way = self.root.send("rebuild")
            self.root.call("hello")  # one connection, one order
            waits = peer.send("rebuild")
            peer.call("hello")
            self.ring.forget_key("operator")
            self.ring.wait_until_refused(peer)
        self.assertIn("right", self.root.result(under_way)["views"])
        with self.assertRaises(harness.WireError) as refused:
            peer.result(waits)
        self.assertEqual((refused.exception.code, refused.exception.detail["right"]),
                         ("unauthorised", "operate"))

    def test_who_is_asked_about_users_holds_nobody_up(self):
        if faulty.library() is None:
            self.skipTest("the library of faults cannot be preloaded into this build")
        pipe = self.ring.scratch / "pipe"
        self.ring.environment.update(LD_PRELOAD=faulty.library(), FAULTY_USERS=pipe)
        other = self.ring.make("other")
        self.start()
        peer = self.ring.key_peer(other)
        self.addCleanup(peer.close)
        self.assertEqual(peer.call("read")["head"], 2)
        os.mkfifo(pipe)
        self.ring.local("nobody", "nobody", "read")
        with open(pipe, "wb"):  # which waits for who asks, who waits from here on
            os.unlink(pipe)
            self.assertEqual(self.root.call("status")["head"], 2)
            self.ring.forget_key("other")
            self.ring.wait_until_refused(peer)
            self.ring.wait_for_rights(self.root, {"root": "granted", "other": "revoked"})
        self.ring.wait_for_rights(self.root, {"root": "granted", "other": "revoked",
                                              "nobody": "granted"})
        self.assertEqual([r["uid"] for r in self.root.query_all("right", key="nobody")],
                         [pwd.getpwnam("nobody").pw_uid])
        self.assertEqual(self.root.call("status")["conditions"], [])


if __name__ == "__main__":
    harness.main()

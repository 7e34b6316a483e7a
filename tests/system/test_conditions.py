#!/usr/bin/python3
"""What a daemon goes through shows in three places: STATUS=, `trialctl status` and the log, which
says it once when it begins and once when it is over."""
import json
import os
import pathlib
import unittest

import harness
from small_world import World

MIB = 1 << 20
SLACK = 128 * MIB  # what others may write to the same disk meanwhile


class Case(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.scratch = harness.Scratch()
        self.addCleanup(self.scratch.remove)

    def daemon(self, *arguments, wrapper=()):
        daemon = harness.Daemon(scratch=self.scratch, arguments=arguments, wrapper=wrapper)
        self.addCleanup(daemon.close)
        return daemon.start()

    def conditions(self, peer):
        """What `status` says now, by name."""
        return {c["name"]: c for c in peer.call("status")["conditions"]}

    def wait_for_status(self, daemon, words, is_there=True):
        """Wait until STATUS= says these words, or no longer does."""
        notes = daemon.notifications
        while True:
            told = [m for m in notes.drain() if m.startswith("STATUS=")]
            if told and (words in told[-1]) == is_there:
                return told[-1]
            notes.messages.clear()
            self.assertTrue(notes.wait_for("STATUS=", daemon.pidfd), words)

    def assert_shown(self, daemon, name, words, level=None):
        """In all three places, with what to do."""
        document = daemon.ask("status")
        found = [c for c in document["conditions"] if c["name"] == name]
        self.assertEqual(len(found), 1, document["conditions"])
        self.assertEqual(set(found[0]), {"name", "what", "detail", "advice", "seconds"})
        self.assertIn(words, found[0]["what"])
        text = daemon.ctl("status").out
        self.assertIn(f"state    {found[0]['what']} (", text)
        self.assertIn(f"-> {found[0]['advice']}\n", text)
        self.wait_for_status(daemon, found[0]["what"])
        begun = [line for line in daemon.stderr().splitlines() if found[0]["what"] in line]
        self.assertEqual(len(begun), 1, daemon.stderr())
        self.assertTrue(begun[0].endswith(found[0]["advice"]), begun)

    def assert_over(self, daemon, name, what, over):
        """Gone from all three, said once; nobody had to ask for that."""
        self.wait_for_status(daemon, what, False)
        self.assertNotIn(name, [c["name"] for c in daemon.ask("status")["conditions"]])
        self.assertIn("state    serving\n", daemon.ctl("status").out)
        self.assertEqual(daemon.stderr().count(over), 1, daemon.stderr())
        self.assertEqual(daemon.stderr().count(what), 1, daemon.stderr())


class Space(Case):
    def test_the_reserve_is_touched(self):
        facts = os.statvfs(self.scratch.path)
        reserve = facts.f_bavail * facts.f_frsize - 2 * SLACK
        if reserve < SLACK:
            self.skipTest("the disk of this machine is nearly full")
        daemon = self.daemon("--reserve-bytes", str(reserve))
        with daemon.peer() as peer:
            world = World("one")
            kept = world.activities(10)
            first = peer.append(kept)
            self.assertEqual(self.conditions(peer), {})
            self.assertIn("state    serving\n", daemon.ctl("status").out)
            with open(self.scratch / "ballast", "wb") as ballast:
                os.posix_fallocate(ballast.fileno(), 0, 3 * SLACK)
            self.wait_for_status(daemon, "the disk is nearly full")  # though nobody appended
            refused = world.activities(3)
            for _ in range(5):
                fault = peer.fails("append", events=refused)
                self.assertEqual(fault.code, "no-space")
            self.assertIn("in reserve", fault.message)
            again = peer.append(kept)  # what is kept already gets its first answer, now too
            self.assertEqual((again["positions"], again["duplicates"]),
                             (first["positions"], [True] * 10))
            self.assertEqual(peer.append(refused, dry_run=True)["first"], 11)
            said = daemon.ctl("import", "-", status=6, stdin=json.dumps(refused[0])).err
            self.assertIn("no-space: the disk of the store", said)
            self.assert_shown(daemon, "low-space", "appends are refused")
            self.assertEqual(peer.call("read")["head"], 10)
            self.assertEqual(len(peer.call("read")["events"]), 10)
            self.assertEqual(peer.call("query", view="programme")["position"], 10)
            self.assertEqual(peer.call("verify")["bad"], 0)
            self.assertEqual(peer.fails("append", events=refused).code, "no-space")
            os.unlink(self.scratch / "ballast")
            self.assert_over(daemon, "low-space", "the disk is nearly full",
                             "there is space again: appends are taken")
            self.assertEqual(peer.append(refused)["first"], 11)
        daemon.stop()

    def test_the_map_is_full(self):
        small = ("--map-bytes", "1M", "--commit-events", "64", "--turn-bytes", "4M",
                 "--request-bytes", "1M")
        daemon = self.daemon(*small)
        world = World("one")
        acknowledged = 0
        with daemon.peer() as peer:
            refusals = 0
            while refusals < 3:
                try:
                    acknowledged = peer.append(world.activities(64, text="x" * 3000))["last"]
                except harness.WireError as fault:
                    self.assertEqual(fault.code, "no-space")
                    refusals += 1
            self.assert_shown(daemon, "map-full", "appends are refused")
            self.assertEqual(peer.call("status")["head"], acknowledged)
            self.assertGreater(len(peer.call("read", limit=10)["events"]), 0)
        daemon.kill()
        daemon = self.daemon("--map-bytes", "1G", *small[2:])
        with daemon.peer() as peer:
            self.assertEqual(self.conditions(peer), {})
            self.assertEqual(len(peer.read_all()), acknowledged)
            self.assertEqual(peer.append(world.activities(1))["first"], acknowledged + 1)
        daemon.stop()


class Work(Case):
    def test_a_rebuild_a_verification_and_a_backup(self):
        daemon = self.daemon()
        daemon.import_events(harness.load())
        with daemon.peer() as peer:
            for method, name, words in (("rebuild", "rebuilding", "the views are being rebuilt"),
                                        ("verify", "verifying", "the log is being verified")):
                request = peer.send(method)
                self.assertIn(name, self.conditions(peer))  # one connection, one order
                peer.result(request)
                self.wait_for_status(daemon, words, False)
                self.assertNotIn(name, self.conditions(peer))
                self.assertEqual(daemon.stderr().count(words), 1)
            self.assertIn("the views are rebuilt and in use from position 1866", daemon.stderr())
            self.assertIn("the log is no longer being verified", daemon.stderr())
            daemon.ask("backup", self.scratch / "copy")
            self.assert_shown(daemon, "backing-up", "read for a backup")
            self.assert_over(daemon, "backing-up", "the log is being read for a backup",
                             "for 10 s nothing was read for a backup")
        daemon.stop()


class Losses(Case):
    def damaged(self):
        """A daemon, and its store with one letter of an event changed; what mends that again."""
        daemon = self.daemon()
        daemon.import_events(harness.load())
        path = pathlib.Path(daemon.store) / "lmdb" / "data.mdb"
        self.assertEqual(daemon.ask("verify")["bad"], 0)  # for which the tables are brought level
        offset = path.read_bytes().index("Sygeplejeklinik uden for".encode())

        def write(letter):
            with open(path, "r+b") as file:  # one page cache: the daemon sees it at once
                file.seek(offset)
                file.write(letter)

        write(b"X")
        return daemon, lambda: write(b"S")

    def assert_mended(self, daemon):
        """Nothing but a verification that finds none ends it."""
        self.assertEqual(daemon.ask("verify")["bad"], 0)
        self.assert_over(daemon, "damaged", "damage was found in the store",
                         "verified again, and no damage was found")
        daemon.stop()

    def test_damage_that_a_verification_found(self):
        daemon, mend = self.damaged()
        found = daemon.ask("verify", status=8)
        self.assertGreater(found["bad"], 0)
        self.assert_shown(daemon, "damaged", "damage was found")
        self.assertIn(f"(position {found['bad']} of the log is damaged", daemon.stderr())
        mend()
        self.assert_mended(daemon)

    def test_damage_that_a_read_meets(self):
        daemon, mend = self.damaged()
        with daemon.peer() as peer:
            faults = []
            for question in (peer.read_all, lambda: peer.query_all("trial", as_of="2018-02-28")):
                try:
                    question()
                except harness.WireError as fault:
                    self.assertEqual(fault.code, "storage", fault)
                    faults.append(fault.message)
            self.assertGreater(len(faults), 1)  # and the log says it once
            self.assertIn(faults[-1], self.conditions(peer)["damaged"]["detail"])
            self.assert_shown(daemon, "damaged", "damage was found")
            mend()
            self.assertEqual(len(peer.read_all()), 1866)
            self.assertIn("damaged", self.conditions(peer))
        self.assert_mended(daemon)

    def test_damage_that_a_subscription_meets(self):
        daemon, mend = self.damaged()
        with daemon.peer() as peer:
            peer.call("subscribe", **{"from": 1, "credit": 4000})
            self.wait_for_status(daemon, "damage was found in the store")
            self.assert_shown(daemon, "damaged", "damage was found")
            mend()
        self.assert_mended(daemon)

    def test_answers_to_peers_that_are_gone(self):
        daemon = self.daemon()
        daemon.import_events(harness.load())
        with daemon.peer() as watcher:
            while watcher.call("status")["dropped"]["answers"] == 0:
                with daemon.peer() as peer:  # asks and leaves
                    for _ in range(50):
                        peer.send("query", {"view": "finding"})
                    peer.call("status")
            self.assert_shown(daemon, "dropping-answers", "answers are dropped")
        daemon.stop()

    def test_log_lines_that_nobody_takes(self):
        os.mkfifo(self.scratch / "pipe")
        reader = os.open(self.scratch / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        writer = os.open(self.scratch / "pipe", os.O_WRONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, writer)
        for size in (4096, 1):
            try:
                while True:
                    os.write(writer, b"x" * size)
            except BlockingIOError:
                pass
        daemon = self.daemon(wrapper=["sh", "-c", 'exec "$@" 2>"$0"', self.scratch / "pipe"])
        with daemon.peer() as peer:
            self.assertIn("dropping-lines", self.conditions(peer))  # "made a new store"
            self.wait_for_status(daemon, "log lines are dropped")
            self.assertEqual(peer.append(World("one").activities(3))["last"], 3)
            self.assertIn("log lines are dropped", daemon.ctl("status").out)
        daemon.stop()


if __name__ == "__main__":
    harness.main()

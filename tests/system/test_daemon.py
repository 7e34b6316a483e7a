#!/usr/bin/python3
"""triald itself: its settings, its exit statuses, the stores it refuses, how it starts, stops and
says so."""
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

import harness
from small_world import World


def fingerprint(directory):
    """Every file under a directory by its bytes, and every directory by its name."""
    found = {}
    for root, directories, files in os.walk(directory):
        for name in directories:
            found[os.path.join(root, name)] = "directory"
        for name in files:
            path = os.path.join(root, name)
            with open(path, "rb") as content:
                found[path] = hashlib.sha256(content.read()).hexdigest()
    return found


def run(*arguments, environment=None):
    """triald with these arguments alone; it must end by itself."""
    return subprocess.run([harness.program("TRIALD", "triald"), *arguments],
                          stdin=subprocess.DEVNULL,
                          capture_output=True, text=True,
                          env=harness.clean_environment(environment),
                          timeout=harness.WAIT_S, check=False)


class ScratchCase(unittest.TestCase):
    maxDiff = 3000

    def setUp(self):
        self.scratch = harness.Scratch()
        self.addCleanup(self.scratch.remove)

    def daemon(self, **options):
        daemon = harness.Daemon(scratch=self.scratch, **options)
        self.addCleanup(daemon.close)
        return daemon

    def filled(self, count=50):
        """A store with some events in it, at rest; what status said of it."""
        daemon = self.daemon()
        with daemon, daemon.peer() as peer:
            peer.append(World().activities(count))
            status = peer.call("status")
        return status


class Settings(ScratchCase):
    def check(self, *arguments, status=0, environment=None):
        done = run("--check-config", *arguments, environment=environment)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout} {done.stderr}")
        return done.stdout if status == 0 else done.stderr

    def config(self, text):
        path = self.scratch / "triald.conf"
        pathlib.Path(path).write_text(text, encoding="utf-8")
        return path

    def test_defaults(self):
        text = self.check()
        for value in ("/var/lib/triald", "ipc:///run/triald/triald.sock",
                      "ipc:///run/triald/feed.sock"):
            self.assertIn(value, text)
        self.assertIn("/state/dir", self.check(environment={"STATE_DIRECTORY": "/state/dir"}))

    def test_a_flag_beats_the_environment_and_that_beats_the_file(self):
        path = self.config(
            "# settings\nstore = /from/file\nlisten = ipc:///from/file.sock\n"
            "feed = ipc:///feed/file.sock\n")
        environment = {"TRIALD_STORE": "/from/environment",
                       "TRIALD_LISTEN": "ipc:///from/environment.sock"}
        text = self.check("--config", path, "--store", "/from/flag", environment=environment)
        for value in ("/from/flag", "ipc:///from/environment.sock", "ipc:///feed/file.sock"):
            self.assertIn(value, text)
        for value in ("/from/file\n", "/from/environment\n", "ipc:///from/file.sock"):
            self.assertNotIn(value, text)
        self.assertIn("ipc:///feed/file.sock", self.check(environment={"TRIALD_CONFIG": path}))

    def test_what_is_printed_is_a_file_of_settings(self):
        def values(text):
            return [line.split(" ; ")[0] for line in text.splitlines() if line[:2] != "# "]

        said = self.check("--listen", "ipc:///a,tcp://127.0.0.1:1", "--consumer-ms", "2s")
        self.assertEqual(values(self.check("--config", self.config(said))), values(said))

    def test_it_touches_nothing(self):
        store = self.scratch / "store"
        self.check("--store", store)
        self.assertFalse(os.path.exists(store))

    def test_an_unknown_flag_is_a_usage_error(self):
        for arguments in (["--surprise"], ["--surprise=1"], ["--store"], ["word"], ["-Z"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 64, arguments)
            self.assertTrue(done.stderr)
            self.assertEqual(done.stdout, "")

    def test_an_unknown_key_or_a_bad_file_is_a_configuration_error(self):
        self.assertIn("surprise", self.check("--config", self.config("surprise = 1\n"), status=78))
        self.check("--config", self.config("listen\n"), status=78)
        self.check("--config", self.scratch / "none.conf", status=78)
        self.assertIn("listen",
                      self.check("--config", self.config("listen = nonsense\n"), status=78))

    def test_a_variable_that_names_no_setting_is_passed_over(self):
        self.check(environment={"TRIALD_SURPRISE": "1", "TRIALD_ENDPOINT": "ipc:///x",
                                "TRIALD_SOURCE": "/x"})

    def test_help_and_version(self):
        for flag in ("--help", "--version"):
            done = run(flag)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("triald", done.stdout)
        for flag in ("--store", "--listen", "--feed", "--config", "--check-config"):
            self.assertIn(flag, run("--help").stdout)

    def test_the_daemon_takes_its_settings_from_a_file(self):
        path = self.config(f"listen = ipc://{self.scratch / 'other'}\n")
        daemon = self.daemon()
        daemon.command = lambda: [harness.program("TRIALD", "triald"), "--store", daemon.store,
                                  "--feed", daemon.feed,
                                  "--config", path]
        daemon.endpoint = f"ipc://{self.scratch / 'other'}"
        with daemon:
            self.assertEqual(daemon.ask("status")["head"], 0)

    def test_an_endpoint_that_cannot_be_bound(self):
        daemon = self.daemon()
        daemon.endpoint = "ipc:///no/such/directory/s"
        with self.assertRaises(harness.StartFailed) as failed:
            daemon.start()
        self.assertIn(failed.exception.status, (1, 78))
        self.assertIn("/no/such/directory/s", failed.exception.stderr)


    def test_what_lies_at_the_path_of_an_endpoint_is_not_removed(self):
        precious, link = self.scratch / "precious", self.scratch / "link"
        pathlib.Path(precious).write_text("mine", encoding="utf-8")
        os.symlink(precious, link)
        for taken in ("endpoint", "feed"):
            for path in (precious, link):
                daemon = self.daemon()
                setattr(daemon, taken, "ipc://" + path)
                with self.assertRaises(harness.StartFailed) as failed:
                    daemon.start()
                self.assertEqual(failed.exception.status, 78)
                self.assertIn("something else than a socket lies there", failed.exception.stderr)
                self.assertFalse(os.path.exists(daemon.store))
                daemon.close()
        self.assertEqual(pathlib.Path(link).read_text(encoding="utf-8"), "mine")


class Store(ScratchCase):
    def refused(self, status=78, store=None):
        """The daemon leaves with a sentence and has written nothing."""
        store = store or self.scratch / "store"
        before = fingerprint(store) if os.path.isdir(store) else None
        daemon = self.daemon(store=store)
        with self.assertRaises(harness.StartFailed) as failed:
            daemon.start()
        self.assertEqual(failed.exception.status, status, failed.exception)
        self.assertIn(store, failed.exception.stderr)
        if before is not None:
            self.assertEqual(fingerprint(store), before)

    def find(self, name, store="store"):
        found = [p for p in pathlib.Path(self.scratch / store).rglob("*") if p.name == name]
        self.assertEqual(len(found), 1, f"{name} in {store}")
        return found[0]

    def test_a_new_store_is_made_and_said_to_be(self):
        daemon = self.daemon()
        daemon.start()
        first = daemon.stderr()
        daemon.stop()
        self.assertIn(daemon.store, first)
        self.assertRegex(first, r"(?i)new|created|made")
        self.assertEqual(os.stat(daemon.store).st_mode & 0o077, 0)
        daemon.start()
        self.assertNotRegex(daemon.stderr(), r"(?i)new store|created|made a")
        daemon.stop()

    def test_an_empty_directory_becomes_a_store(self):
        os.mkdir(self.scratch / "store", 0o700)
        self.filled()

    def test_a_directory_with_something_else_in_it_is_refused(self):
        os.mkdir(self.scratch / "store", 0o700)
        pathlib.Path(self.scratch / "store", "hello.txt").write_text("mine", encoding="utf-8")
        self.refused()

    def test_a_file_is_no_store(self):
        path = pathlib.Path(self.scratch / "file")
        path.write_text("mine", encoding="utf-8")
        self.refused(store=str(path))
        self.assertEqual(path.read_text(encoding="utf-8"), "mine")

    def test_a_parent_that_is_missing(self):
        with self.assertRaises(harness.StartFailed) as failed:
            self.daemon(store=self.scratch / "none/store").start()
        self.assertIn(failed.exception.status, (74, 78))

    def test_the_marker_missing(self):
        self.filled()
        self.find("STORE").unlink()
        self.refused()

    def test_the_marker_of_garbage_or_empty(self):
        self.filled()
        good = self.find("STORE").read_bytes()
        for bad in (b"", b"garbage\n", good[:-3], bytes(len(good))):
            with self.subTest(marker=bad[:20]):
                self.find("STORE").write_bytes(bad)
                self.refused()
        self.find("STORE").write_bytes(good)
        with self.daemon() as daemon:
            self.assertEqual(daemon.ask("status")["head"], 50)

    def test_the_log_missing_or_empty_or_garbage(self):
        self.filled()
        shutil.copytree(self.scratch / "store", self.scratch / "kept")
        for name, spoil in (("missing", pathlib.Path.unlink),
                            ("empty", lambda p: p.write_bytes(b"")),
                            ("garbage", lambda p: p.write_bytes(os.urandom(65536))),
                            ("header gone",
                             lambda p: p.write_bytes(bytes(8192) + p.read_bytes()[8192:])),
                            ("cut", lambda p: p.write_bytes(p.read_bytes()[:8192]))):
            with self.subTest(log=name):
                spoil(self.find("data.mdb"))
                self.refused()
            shutil.rmtree(self.scratch / "store")
            shutil.copytree(self.scratch / "kept", self.scratch / "store")

    def test_the_whole_log_directory_missing(self):
        self.filled()
        shutil.rmtree(self.find("data.mdb").parent)
        self.refused()

    def test_the_journal_missing_or_of_another_store(self):
        self.filled()
        shutil.copytree(self.scratch / "store", self.scratch / "kept")
        shutil.rmtree(self.scratch / "store")
        self.filled(10)
        shutil.rmtree(self.scratch / "store" + "/journal")
        self.refused()
        shutil.copytree(self.scratch / "kept" + "/journal", self.scratch / "store" + "/journal")
        self.refused()

    def test_the_log_of_another_store(self):
        self.filled()
        os.rename(self.scratch / "store", self.scratch / "kept")
        self.filled(10)
        shutil.copy(self.find("data.mdb", "kept"), self.find("data.mdb"))
        self.refused()

    def test_an_event_changed_on_disk_is_not_taken_for_good(self):
        daemon = self.daemon()
        with daemon, daemon.peer() as peer:
            peer.append([World().activity(text="a-text-that-stands-alone")])
        path = self.find("data.mdb")
        content = path.read_bytes()
        self.assertIn(b"a-text-that-stands-alone", content)
        path.write_bytes(content.replace(b"a-text-that-stands-alone", b"A-text-that-stands-alone"))
        try:
            daemon.start()
        except harness.StartFailed as failed:
            self.assertEqual(failed.status, 78)
            return
        result = daemon.ctl("verify", "--json", status=8)
        self.assertEqual(result.json()["bad"], 1)
        read = daemon.ctl("log", "--json", status=None)
        self.assertNotIn("A-text", read.out)
        daemon.kill()


class Second(ScratchCase):
    def test_a_second_daemon_leaves_at_once_and_touches_nothing(self):
        first = self.daemon()
        with first, first.peer() as peer:
            peer.append(World("a").activities(5))
            before = set(fingerprint(first.store))
            for same_endpoint in (True, False):
                second = self.daemon()
                if not same_endpoint:
                    second.endpoint, second.feed = second.endpoint + "2", second.feed + "2"
                with self.assertRaises(harness.StartFailed) as failed:
                    second.starts = 10 + same_endpoint  # its own names beside the first's
                    second.start()
                self.assertEqual(failed.exception.status, 75)
                self.assertIn(first.store, failed.exception.stderr)
                self.assertEqual(set(fingerprint(first.store)), before)
            self.assertEqual(peer.append(World("b").activities(5))["last"], 10)
            with first.peer() as fresh:
                self.assertEqual(fresh.call("status")["head"], 10)
            self.assertEqual(first.ask("verify")["bad"], 0)

    def test_another_store_does_not_take_the_endpoint_away(self):
        first = self.daemon()
        with first, first.peer() as peer:
            for taken in ("endpoint", "feed"):
                other = self.daemon(store=self.scratch / "other")
                other.endpoint, other.feed = other.endpoint + "2", other.feed + "2"
                setattr(other, taken, getattr(first, taken))
                with self.assertRaises(harness.StartFailed) as failed:
                    other.starts = 10
                    other.start()
                self.assertEqual(failed.exception.status, 1)
                self.assertIn(getattr(first, taken), failed.exception.stderr)
                with first.peer() as fresh:
                    self.assertEqual(fresh.call("status")["log"], peer.call("status")["log"])

    def test_requests_and_the_feed_are_two_endpoints(self):
        daemon = self.daemon()
        daemon.feed = daemon.endpoint
        with self.assertRaises(harness.StartFailed) as failed:
            daemon.start()
        self.assertEqual(failed.exception.status, 1)
        self.assertIn("in use", failed.exception.stderr)

    def test_the_lock_goes_with_the_process(self):
        first = self.daemon().start()
        first.kill()
        with self.daemon() as second:
            self.assertEqual(second.ask("status")["head"], 0)


class Life(ScratchCase):
    def test_what_it_tells_the_service_manager(self):
        daemon = self.daemon(environment={"WATCHDOG_USEC": "400000"}).start()
        notes = daemon.notifications
        self.assertTrue(any(m.startswith("STATUS=") for m in notes.drain())
                        or notes.wait_for("STATUS=", daemon.pidfd))
        for _ in range(3):
            notes.messages = [m for m in notes.drain() if m != "WATCHDOG=1"]
            self.assertTrue(notes.wait_for("WATCHDOG=1", daemon.pidfd))
        self.assertEqual(notes.messages.count("READY=1"), 1)
        self.assertNotIn("STOPPING=1", notes.messages)
        daemon.stop()
        self.assertIn("STOPPING=1", notes.messages)

    def test_a_long_start_asks_for_time_and_says_how_far_it_is(self):
        daemon = self.daemon(arguments=["--commit-events", "1048576", "--commit-ms", "60s"])
        daemon.start()
        self.assertIn("EXTEND_TIMEOUT_USEC=96710886", daemon.notifications.messages)
        with daemon.peer() as peer:
            for i in range(20):
                peer.append(World(f"w{i}").activities(1000))
        daemon.kill()  # all of it lies in the journal
        daemon.start()
        told = daemon.notifications.messages
        far = told.index("STATUS=starting: position 16384 is taken in")
        self.assertIn("EXTEND_TIMEOUT_USEC=90000000", told[:far])
        self.assertNotIn("READY=1", told[:far])
        self.assertEqual(daemon.ask("status")["head"], 20000)
        daemon.stop()

    def test_no_watchdog_where_none_was_asked_for(self):
        daemon = self.daemon().start()
        notes = daemon.notifications
        daemon.stop()
        self.assertNotIn("WATCHDOG=1", notes.messages)

    def test_ready_means_ready(self):
        daemon = self.daemon().start()
        with daemon.peer() as peer:
            self.assertEqual(peer.append(World().activity())["first"], 1)
        daemon.stop()

    def test_it_runs_without_a_service_manager(self):
        daemon = self.daemon(environment={"NOTIFY_SOCKET": ""})
        daemon.spawn()
        self.assertEqual(daemon.ask("status")["head"], 0)
        daemon.stop()

    def test_either_signal_stops_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.daemon().start()
            daemon.stop(number=number)

    def test_sighup_does_not_end_it(self):
        daemon = self.daemon().start()
        daemon.process.send_signal(signal.SIGHUP)
        self.assertEqual(daemon.ask("status")["head"], 0)
        daemon.stop()

    def test_two_signals_in_a_row(self):
        daemon = self.daemon().start()
        daemon.process.send_signal(signal.SIGTERM)
        daemon.stop()

    def test_a_restart_keeps_everything(self):
        world = World()
        events = world.foundation() + world.trial("assessed")
        daemon = self.daemon()
        with daemon, daemon.peer() as peer:
            first = peer.append(events)
            log, rows, status = peer.read_all(), peer.query_all("trial"), peer.call("status")
        with daemon, daemon.peer() as peer:
            self.assertEqual(peer.read_all(), log)
            self.assertEqual(peer.query_all("trial"), rows)
            again = peer.call("status")
            self.assertEqual([again[k] for k in ("log", "head", "root", "views")],
                             [status[k] for k in ("log", "head", "root", "views")])
            again = peer.append(events)
            self.assertEqual([again[k] for k in ("first", "last", "positions", "revisions")],
                             [first[k] for k in ("first", "last", "positions", "revisions")])
            self.assertEqual(again["duplicates"], [True] * len(events))
            more = peer.append(world.activity())
            self.assertEqual(more["first"], len(events) + 1)
            self.assertGreaterEqual(peer.read_all()[-1]["ingesttime"], log[-1]["ingesttime"])

    def test_two_stores_have_two_names(self):
        first = self.filled()
        os.rename(self.scratch / "store", self.scratch / "moved")
        second = self.filled()
        self.assertNotEqual(first["log"], second["log"])
        with self.daemon(store=self.scratch / "moved") as moved:
            self.assertEqual(moved.ask("status")["log"], first["log"])

    def test_told_to_stop_in_the_midst_of_work_it_keeps_what_it_acknowledged(self):
        for round_number in range(5):
            world = World(f"r{round_number}")
            daemon = self.daemon(store=self.scratch / f"store{round_number}").start()
            peer = daemon.peer()
            for _ in range(200):
                peer.send("append", {"events": world.activities(3)})
            for msgid in range(1, 1 + 7 * round_number):
                peer.result(msgid)
            daemon.stop()
            while peer.socket.poll(0):
                peer.take(peer.receive())
            acknowledged = {p for error, r in peer.replies.values() if error is None
                            for p in r["positions"]}
            peer.close()
            with daemon, daemon.peer() as fresh:
                kept = [e["position"] for e in fresh.read_all()]
                self.assertEqual(kept, list(range(1, len(kept) + 1)))
                self.assertLessEqual(acknowledged, set(kept))

    def test_stopping_with_peers_that_never_read(self):
        daemon = self.daemon().start()
        world = World()
        peers = [daemon.peer() for _ in range(5)]
        for peer in peers:
            peer.call("subscribe", **{"from": 1, "credit": 1 << 20})
        for _ in range(10):
            peers[0].append([world.activity(text="x" * 1000) for _ in range(1000)])
        daemon.stop()
        for peer in peers:
            peer.close()


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
"""trialctl top: a screen on a terminal, a line an interval through a pipe, a document with --json;
what it says is what the daemon counted between two answers."""
import re
import signal
import subprocess
import termios
import unittest

import harness
from small_world import World
from terminal import Terminal, pyte

ROWS = re.compile(r"^METRIC\((\w+), *(\w+),",
                  re.M).findall((harness.TESTS.parent / "include/trial/metrics.def").read_text())
FAST = ("--interval", "100ms")


class Piped(harness.DaemonCase):
    def top(self, *arguments):
        """A trialctl top that goes on, its lines in a pipe."""
        process = subprocess.Popen(
            [harness.program("TRIALCTL", "trialctl"), "top", *FAST, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=harness.clean_environment({"TRIALD_ENDPOINT": self.daemon.endpoint}))
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, harness.WAIT_S)
        self.addCleanup(process.kill)
        return process

    def test_documents_hold_every_row(self):
        documents = self.daemon.ctl("top", *FAST, "--limit", "2", "--json").lines()
        self.assertEqual(len(documents), 2)
        kinds = {"COUNTER": "rates", "GAUGE": "gauges", "HISTOGRAM": "times"}
        for document in documents:
            self.assertEqual(set(document), {"seconds", *kinds.values()})
            self.assertGreater(document["seconds"], 0)
            for kind, part in kinds.items():
                self.assertEqual(set(document[part]), {n for k, n in ROWS if k == kind})
        self.assertGreater(documents[1]["rates"]["requests"]["metrics"]["ok"], 0)
        self.assertEqual(documents[1]["rates"]["appended_events"], 0)

    def test_rates_are_what_came_within_the_interval(self):
        self.peer.append(World("w0").activities(50))  # before the first answer: in no rate
        top, world, events = self.top("--json"), World(), 0
        self.assertTrue(top.stdout.readline())
        self.peer.append(world.activities(20))
        while not events:
            document = harness.json.loads(top.stdout.readline())
            events = document["rates"]["appended_events"] * document["seconds"]
            times = document["times"]["stage_seconds"]["flush"]
        self.assertAlmostEqual(events, 20, places=3)
        self.assertAlmostEqual(times["rate"] * document["seconds"], 1, places=3)
        self.assertGreater(times["p50"], 0)
        self.assertGreaterEqual(times["p99"], times["p50"])
        self.assertEqual(document["gauges"]["log_size_events"], 70)

    def test_lines_and_their_heading(self):
        self.peer.append(World().activities(3))
        lines = self.daemon.ctl("top", *FAST, "--limit", "22").out.splitlines()
        heads = [i for i, line in enumerate(lines) if "position" in line]
        self.assertEqual(heads, [0, 21])
        self.assertEqual(len(lines), 24)
        self.assertTrue(all(line.split()[0] == "3" for i, line in enumerate(lines)
                            if i not in heads))

    def test_a_daemon_that_goes_is_waited_for(self):
        top = self.top()
        self.assertIn("position", top.stdout.readline())
        self.assertTrue(top.stdout.readline())
        self.peer.close()
        self.daemon.stop()
        self.assertIn("the daemon is gone; waiting for it", top.stderr.readline())
        self.daemon.start()
        with self.daemon.peer() as peer:
            peer.append(World().activities(4))
        while top.stdout.readline().split()[0] != "4":
            pass
        self.peer = self.daemon.peer()

    def test_no_daemon_and_flags_that_are_none(self):
        for flag, value in (("--interval", "99ms"), ("--interval", "2d"), ("--interval", "soon"),
                            ("--limit", "0")):
            self.daemon.ctl("top", flag, value, status=64)
        self.peer.close()
        self.daemon.stop()
        self.daemon.ctl("top", status=2, timeout="200ms")
        self.daemon.start()

    def test_it_ends_by_a_signal(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            top = self.top("--json")
            self.assertTrue(top.stdout.readline())
            top.send_signal(number)
            self.assertEqual(top.wait(harness.WAIT_S), status)


@unittest.skipIf(pyte is None, "python3-pyte, which says what a person sees, is not installed")
class Screen(harness.DaemonCase):
    arguments = ("--commit-ms", "60000")

    def top(self, *arguments, **options):
        top = Terminal(self.daemon, "top", *FAST, *arguments, **options)
        self.addCleanup(top.close)
        return top

    def test_a_screen_that_follows(self):
        top = self.top()
        top.shows("triald  position 0", "serving", "every 0.1 s", "flush", "commit", "Readers")
        self.peer.append(World().activities(6))
        top.shows("position 6", "views 6, subscriptions 0 (0 open)")
        self.peer.call("subscribe", **{"from": 1, "credit": 2})
        top.shows("views 6, subscriptions 4 (1 open)")
        self.peer.call("verify")  # of what LMDB holds: the tables are brought level for it
        top.shows("views 0, subscriptions 4 (1 open)")
        self.assertNotIn("times since", top.text())
        top.press(b"q")
        self.assertEqual(top.end(), 0)
        self.assertEqual(termios.tcgetattr(top.theirs), top.before)

    def test_times_since_the_start_come_first(self):
        self.peer.append(World().activities(6))
        top = self.top("--interval", "1h")
        top.shows("times since the daemon started")
        self.assertRegex(top.text(), r"\n flush +0 +[0-9.]+ (us|ms|s) +[0-9.]+ (us|ms|s) ")
        top.press(b"\x1b")
        self.assertEqual(top.end(), 0)

    def test_a_daemon_that_goes_and_comes_back(self):
        top = self.top()
        top.shows("live")
        self.peer.close()
        self.daemon.stop()
        top.shows("the daemon is gone; waiting for it")
        self.daemon.start()
        top.shows("live")
        self.peer = self.daemon.peer()

    def test_windows_of_any_size(self):
        top = self.top(rows=24, columns=80)
        top.shows("serving", "q quits")
        top.resize(5, 30)
        top.shows("make the window larger")
        top.resize(12, 50)
        top.shows("serving", "q quits")
        top.process.send_signal(signal.SIGTERM)
        self.assertEqual(top.end(), 143)
        self.assertEqual(termios.tcgetattr(top.theirs), top.before)


if __name__ == "__main__":
    harness.main()

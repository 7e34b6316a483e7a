#!/usr/bin/python3
"""The standard streams of the programs, closed or on a full disk by whoever started them: nothing
of ours is written into a file that got their number, and what did not arrive is no success."""
import itertools
import os
import subprocess
import sys
import unittest

import harness
from small_world import World

# Closes the descriptors of its first argument and becomes the rest.
WITHOUT = """
import os, sys
for fd in map(int, sys.argv[1].split(",")):
    os.close(fd)
os.execv(sys.argv[2], sys.argv[2:])
"""
BOARD = os.path.join(os.path.dirname(harness.program("TRIALD", "triald")), "trialboard")


def without(*descriptors):
    return [sys.executable, "-c", WITHOUT, ",".join(map(str, descriptors))]


def into(path, *command, environment=None):
    """A command whose stdout is that file, its stdin nothing."""
    with open(path, "wb") as out:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.PIPE, text=True,
                              env=harness.clean_environment(environment),
                              timeout=harness.WAIT_S, check=False)


class Closed(unittest.TestCase):
    def test_a_log_line_is_not_written_into_the_store(self):
        streams = [s for n in (1, 2, 3) for s in itertools.combinations((0, 1, 2), n)]
        for closed in streams:
            # A condition from the beginning on, so that there is something to say.
            daemon = harness.Daemon(wrapper=without(*closed), arguments=(
                "--reserve-bytes", "1T", "--turn-bytes", "4M", "--journal-bytes", "16M"))
            with self.subTest(closed=closed):
                self.addCleanup(daemon.close)
                daemon.start()
                for fd in closed:
                    self.assertEqual(os.readlink(f"/proc/{daemon.process.pid}/fd/{fd}"), "/")
                daemon.stop()
                harness.triald("--verify", daemon.store)
                daemon.start()
                daemon.stop()
            daemon.close()

    def test_what_trialctl_says_is_not_written_into_its_files(self):
        with harness.Daemon() as daemon:
            daemon.import_events(World().activities(5))
            whole = daemon.ctl("export", "--format", "csv").out
            path = daemon.scratch / "out.csv"
            run = subprocess.run([*without(0, 1, 2), harness.program("TRIALCTL", "trialctl"),
                                  "export", "--format", "csv", "--endpoint", daemon.endpoint, path],
                                 env=harness.clean_environment(), timeout=harness.WAIT_S,
                                 check=False)
            self.assertEqual(run.returncode, 0)
            with open(path, encoding="utf-8", newline="") as text:
                self.assertEqual(text.read(), whole)

    def test_answers_that_go_nowhere_are_no_success(self):
        with harness.Daemon() as daemon:
            for words in (("status",), ("verify",), ("--help",), ("--version",), ("--usage",),
                          ("events",)):
                run = subprocess.run([*without(1), harness.program("TRIALCTL", "trialctl"), *words],
                                     stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                     env=harness.clean_environment(
                                         {"TRIALD_ENDPOINT": daemon.endpoint}),
                                     timeout=harness.WAIT_S, check=False)
                self.assertEqual((words, run.returncode), (words, 6))
                self.assertEqual(run.stderr, "trialctl: storage: writing to standard output: "
                                             "Bad file descriptor\n")


class Full(unittest.TestCase):
    def test_triald_says_that_it_could_not_print(self):
        scratch = harness.Scratch()
        self.addCleanup(scratch.remove)
        daemon = harness.Daemon(scratch=scratch)
        with daemon:
            pass
        triald = harness.program("TRIALD", "triald")
        for words in (("--help",), ("--version",), ("--check-config",), ("--describe", "example"),
                      ("--verify", daemon.store)):
            run = into("/dev/full", triald, *words)
            self.assertEqual((words, run.returncode), (words, 74))
            self.assertEqual(run.stderr,
                             "triald: writing to standard output: No space left on device\n"
                             "triald: trial-trouble(7) says what to do\n")

    def test_trialctl_says_that_it_could_not_print(self):
        for words in ("--help", "--version", "--usage"):
            run = into("/dev/full", harness.program("TRIALCTL", "trialctl"), words)
            self.assertEqual((words, run.returncode), (words, 6))
            self.assertEqual(run.stderr, "trialctl: storage: writing to standard output: "
                                         "No space left on device\n")

    def test_a_plugin_without_its_line_is_unknown(self):
        easy = ("--flush", "1h,1h", "--free", "0,0")
        with harness.Daemon() as daemon:
            for more, status in (((), 3), (("--json",), 3), (("--free", "900T,0"), 1),
                                 (("--free", "900T,900T"), 2)):
                run = into("/dev/full", harness.program("TRIALCTL", "trialctl"), "check", *easy,
                           *more, environment={"TRIALD_ENDPOINT": daemon.endpoint})
                self.assertEqual((more, run.returncode), (more, status))

    @unittest.skipUnless(os.path.exists(BOARD), "built without trialboard")
    def test_trialboard_says_that_it_could_not_print(self):
        for words in ("--help", "--version", "--check-config"):
            run = into("/dev/full", BOARD, words)
            self.assertEqual((words, run.returncode), (words, 1))
            self.assertEqual(run.stderr, "trialboard: writing to standard output: "
                                         "No space left on device\n")


if __name__ == "__main__":
    harness.main()

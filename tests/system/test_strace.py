#!/usr/bin/python3
"""Seen from the kernel: one flush of the journal before every acknowledgement, and one a turn.

Ends with status 77, and a reason, where strace may not attach."""
import os
import re
import shutil
import subprocess
import sys
import unittest

import harness
from small_world import World

CALL = re.compile(r"^(?P<tid>\d+)\s+(?P<name>\w+)\((?P<rest>.*)$")
RESUMED = re.compile(r"^(?P<tid>\d+)\s+<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")
FLUSHES = ("fdatasync", "fsync", "sync_file_range", "syncfs", "msync")
SENDS = ("sendto", "sendmsg", "write", "writev")
APPENDS = 40
IN_FLIGHT = 400

# Under a tracer the search for leaks cannot stop the threads; it is done in every other test.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"


class Traced:
    """A daemon with strace attached after READY; `calls` holds what ended, in the order in which
    it ended."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.path = daemon.scratch / "trace"
        self.strace = subprocess.Popen(
            ["strace", "-f", "-y", "-s", "400", "-o", self.path, "-e",
             "trace=" + ",".join(FLUSHES + SENDS + ("pwrite64",)),
             "-p", str(daemon.process.pid)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       text=True)
        said = self.strace.stderr.readline()
        if "attached" not in said:
            self.strace.wait(harness.WAIT_S)
            print(f"skipped: strace may not attach: {said.strip()}")
            daemon.close()
            sys.exit(77)

    def calls(self):
        """Ends the daemon, which ends strace, and reads the trace: (name, arguments) of each
        call."""
        self.daemon.stop()
        self.strace.wait(harness.WAIT_S)
        self.strace.stderr.close()
        begun, ended = {}, []
        with open(self.path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                resumed = RESUMED.match(line)
                if resumed:
                    ended.append((resumed["name"], begun.pop((resumed["tid"], resumed["name"]), "")
                                  + resumed["rest"]))
                    continue
                call = CALL.match(line)
                if not call:
                    continue
                if "<unfinished ...>" in line:
                    begun[call["tid"], call["name"]] = call["rest"]
                    if call["name"] in SENDS:  # what leaves counts from its beginning
                        ended.append((call["name"] + " begins", call["rest"]))
                else:
                    ended.append((call["name"], call["rest"]))
        return ended


def kinds(calls):
    """The trace as letters: F a flush of the journal, A an acknowledgement handed to the kernel."""
    letters, open_sends = [], 0
    for name, rest in calls:
        if name in FLUSHES and "/journal" in rest.split(",")[0]:
            letters.append("F")
        elif name.split()[0] in SENDS and "positions" in rest:
            if name.endswith("begins"):
                open_sends += 1
            elif open_sends:
                open_sends -= 1
                continue
            letters += ["A"] * max(1, rest.count("positions"))
    return "".join(letters)


class Flushes(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.daemon = harness.Daemon().start()
        self.addCleanup(self.daemon.close)
        self.peer = self.daemon.peer()
        self.addCleanup(self.peer.close)
        self.peer.append(self.world.activity())

    def test_a_single_client_has_one_flush_for_each_acknowledgement_and_before_it(self):
        traced = Traced(self.daemon)
        for _ in range(APPENDS):
            self.peer.append(self.world.activity())
        self.peer.close()
        seen = kinds(traced.calls())
        self.assertEqual(seen.count("A"), APPENDS, seen)
        self.assertRegex(seen, r"^(F+A){%d}F*$" % APPENDS)
        self.assertLessEqual(seen.count("F"), APPENDS + 3, "one flush a turn, and no more")

    def test_a_turn_of_many_requests_has_one_flush(self):
        traced = Traced(self.daemon)
        sent = [self.peer.send("append", {"events": [self.world.activity()]})
                for _ in range(IN_FLIGHT)]
        for msgid in sent:
            self.peer.result(msgid)
        self.peer.close()
        seen = kinds(traced.calls())
        self.assertTrue(seen.startswith("F"), seen[:20])
        self.assertGreaterEqual(seen.count("F"), 1)
        self.assertLess(seen.count("F"), IN_FLIGHT // 4, "many requests share a flush")

    def test_what_keeps_nothing_flushes_nothing(self):
        event = self.world.activity()
        self.peer.append(event)
        traced = Traced(self.daemon)
        for _ in range(5):
            self.peer.append(event)
            self.peer.append(self.world.activity(), dry_run=True)
            self.peer.fails("append", events=[event | {"type": "no.such"}])
            self.peer.call("read")
        self.peer.close()
        calls = traced.calls()
        before_stop = []
        for letter in kinds(calls):
            before_stop.append(letter)
        self.assertEqual("".join(before_stop).rstrip("F").count("F"), 0)

    def test_data_reaches_the_journal_before_its_flush(self):
        traced = Traced(self.daemon)
        text = "text-that-must-be-on-disk"
        self.peer.append(self.world.activity(text=text))
        self.peer.close()
        calls = traced.calls()
        written = [i for i, (n, rest) in enumerate(calls) if n == "pwrite64"
                   and "/journal" in rest.split(",")[0]]
        flushed = [i for i, (n, rest) in enumerate(calls) if n in FLUSHES
                   and "/journal" in rest.split(",")[0]]
        answered = [i for i, (n, rest) in enumerate(calls) if n.split()[0] in SENDS
                    and "positions" in rest]
        self.assertTrue(written and flushed and answered)
        self.assertTrue(any(written[0] < f < answered[0] for f in flushed))


class Making(unittest.TestCase):
    def test_the_name_of_a_new_store_is_on_disk_however_it_was_written(self):
        for name in ("plain", "slash/", "slashes//"):
            scratch = harness.Scratch()
            self.addCleanup(scratch.remove)
            trace = scratch / "trace"
            os.mkfifo(trace)
            reader = os.open(trace, os.O_RDONLY | os.O_NONBLOCK)
            with harness.Daemon(scratch, scratch / name, wrapper=[
                    "strace", "-D", "-f", "-y", "-o", trace, "-e", "trace=mkdir,fsync"]) as daemon:
                daemon.stop()
            os.set_blocking(reader, True)
            with open(reader, encoding="utf-8") as lines:  # ends with the tracer
                calls = lines.read()
            made = calls.index(f'mkdir("{scratch / name}"')
            self.assertRegex(calls[made:], rf"fsync\(\d+<{scratch.path}>\)\s+= 0", name)


if __name__ == "__main__":
    if shutil.which("strace") is None:
        print("skipped: strace is not installed")
        sys.exit(77)
    harness.main()

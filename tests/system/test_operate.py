#!/usr/bin/python3
"""Operating it: verify, rebuild, backup and restore, of a log that is written to meanwhile and under kills.

TRIAL_ROUNDS is the number of kills in the midst of a backup, 4 unless told; TRIAL_SEED repeats a
run."""
import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import unittest

import harness
import threads
from keyring import Everybodys
from small_world import World

ROUNDS = int(os.environ.get("TRIAL_ROUNDS") or 4)


def ends_by(process, number):
    """Would the signal end the process as it ends any? A sanitizer takes some of them, until what
    reads a store has seen to it."""
    with contextlib.suppress(OSError):
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return not int(caught.split()[1], 16) >> (number - 1) & 1
    return False


def fingerprint(directory):
    """What lies in a directory: names and contents."""
    return {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(pathlib.Path(directory).rglob("*")) if p.is_file()}


def flip(path, offset, bit=1):
    """Flip one bit of a file."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ bit]))


def answers(daemon, **params):
    """Every view, as it is answered."""
    with daemon.peer() as peer:
        return {view: peer.query_all(view, **params) for view in harness.VIEWS}


class Case(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.scratch = harness.Scratch()
        self.addCleanup(self.scratch.remove)
        self.daemons = 0

    def daemon(self, store="store", arguments=()):
        """A daemon on a store of this scratch directory, with endpoints of its own."""
        self.daemons += 1
        daemon = harness.Daemon(scratch=self.scratch, store=self.scratch / store,
                                arguments=arguments)
        daemon.endpoint += str(self.daemons)
        daemon.feed += str(self.daemons)
        daemon.starts = 100 * self.daemons
        self.addCleanup(daemon.close)
        return daemon

    def verify(self, place, status=0):
        """What `trialctl verify PLACE` says of a directory."""
        return harness.ctl("verify", self.scratch / place, "--json", status=status).json()

    def restore(self, backup, store, *arguments, status=0):
        return harness.triald("--restore", self.scratch / backup, "--store", self.scratch / store,
                      *arguments, status=status)


class Verify(Case):
    def test_a_store_without_its_daemon_is_only_looked_at(self):
        daemon = self.daemon(arguments=["--commit-events", "1000", "--commit-ms", "60000"]).start()
        daemon.import_events(harness.load())
        with daemon.peer() as peer:
            status = peer.call("status")
        daemon.kill()  # what the tables lack lies in the journal
        before = fingerprint(daemon.store)
        found = self.verify("store")
        self.assertEqual((found["kind"], found["size"], found["root"], found["log"], found["bad"]),
                         ("store", 1866, status["root"], status["log"], 0))
        for size, good in ((1866, True), (1865, False)):
            harness.ctl("verify", "--since", f"{size}:{status['root']}", daemon.store,
                        status=0 if good else 8)
        self.assertEqual(fingerprint(daemon.store), before)

    def test_a_store_that_is_held_is_verified_by_its_daemon(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load()[:300])
            result = harness.ctl("verify", daemon.store, "--json")  # which knows of no endpoint
            self.assertIn("a daemon holds", result.err)
            self.assertEqual(result.json()["size"], 300)
            self.assertEqual(harness.triald("--verify", daemon.store, status=75).out,
                             f"held {daemon.endpoint}\n")

    def test_what_is_no_store_and_no_backup(self):
        os.mkdir(self.scratch / "empty")
        for place in ("empty", "nowhere"):
            result = harness.ctl("verify", self.scratch / place, status=6)
            self.assertIn(place, result.err)
        self.assertEqual(os.listdir(self.scratch / "empty"), [])

    def test_a_reader_that_was_ended_is_told_of(self):
        bin_ = Everybodys(self.scratch)
        os.mkdir(self.scratch / "place")
        triald = pathlib.Path(bin_.directory) / "triald"  # the one beside it is asked
        for script, sentence in (("kill -9 $$", "ended without a verdict (Killed)"),
                                 ("exit 0", "ended without a verdict (status 0)"),
                                 ("exit 127", "cannot be started")):
            triald.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            triald.chmod(0o755)
            run = bin_.run(os.geteuid(), os.getegid(), "verify", self.scratch / "place")
            self.assertEqual(run.returncode, 6)
            self.assertIn(sentence, run.stderr)
            self.assertEqual(run.stdout, "")

    def test_damage_on_disk_is_named(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
        path = pathlib.Path(daemon.store) / "lmdb" / "data.mdb"
        whole = path.read_bytes()
        title = "Sygeplejeklinik uden for".encode()
        self.assertGreaterEqual(whole.count(title), 2)  # in its record, and in its state
        first, second = whole.index(title), whole.rindex(title)
        for offset in (first, second):
            flip(path, offset)
            found = self.verify("store", status=8)
            self.assertTrue(found["reason"], found)
            self.assertIn(found["bad"], (149, *self.history("trial/ff2-018")), found)
            path.write_bytes(whole)
        self.assertEqual(self.verify("store")["bad"], 0)

    def history(self, subject):
        """The positions of a subject's events."""
        seen = [e["subject"] for e in harness.load()]
        return [i + 1 for i, s in enumerate(seen) if s == subject]

    def test_noise_where_lmdb_looks_for_rows(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
        path = pathlib.Path(daemon.store) / "lmdb" / "data.mdb"
        whole = path.read_bytes()
        dice = random.Random(harness.seed())
        for _ in range(8):  # behind the heads of some of LMDB's pages only noise is left
            data = bytearray(whole)
            for page in dice.sample(range(2, len(data) // 4096), len(data) // 4096 // 20):
                data[page * 4096 + 16:page * 4096 + 1024] = dice.randbytes(1008)
            path.write_bytes(data)
            result = harness.triald("--verify", daemon.store, status=8)
            self.assertIn("verdict bad", result.out)
            self.assertIn("data.mdb' is damaged", result.out)

    def end_the_reader(self, store, number, status):
        """Send a signal to the process that reads for --verify; what was said then, on either
        stream."""
        for _ in range(100):  # the reader may be done before it is seen
            run = subprocess.Popen([harness.program("TRIALD", "triald"), "--verify", store],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=harness.clean_environment())
            children = pathlib.Path(f"/proc/{run.pid}/task/{run.pid}/children")
            reader = []
            while run.poll() is None and not (reader and all(ends_by(c, number) for c in reader)):
                reader = children.read_text().split()
            for child in reader if run.poll() is None else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), number)
            said = run.communicate(timeout=harness.WAIT_S)[0]
            if run.returncode != 0:
                break
        self.assertEqual(run.returncode, status, said)
        return said

    def test_what_ends_whoever_reads_is_told_and_ends_nobody_else(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
        said = self.end_the_reader(daemon.store, signal.SIGBUS, 8)
        self.assertRegex(said, r"reason .* ended the process that read it \(Bus error\)")
        self.assertIn("verdict bad", said)

    def test_a_reader_that_somebody_ended_says_nothing_of_the_store(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
        for number, word in ((signal.SIGKILL, "Killed"), (signal.SIGTERM, "Terminated")):
            said = self.end_the_reader(daemon.store, number, 1)
            self.assertIn(f"was ended ({word}), which says nothing of what is there", said)
            self.assertNotIn("verdict", said)


class Rebuild(Case):
    def test_each_view_waits_once(self):
        with self.daemon() as daemon, daemon.peer() as peer:
            peer.append(World().activities(10))
            with threads.held(daemon.process.pid):
                asked = [peer.send("rebuild", params) for params in (
                    {}, {}, {"view": "trial"}, {"view": "law"})]  # the first is under way
                for params in ({}, {"view": "trial"}, {"view": "law"}):
                    refused = peer.fails("rebuild", **params)
                    self.assertEqual(refused.code, "busy")
                    self.assertIn("waits already", refused.message)
            views = [set(peer.result(msgid)["views"]) for msgid in asked]
            self.assertEqual(views[2:], [{"trial"}, {"law"}])
            self.assertEqual([len(v) for v in views[:2]], [len(harness.ALL_VIEWS)] * 2)
            self.assertEqual(peer.call("rebuild", view="trial")["views"], {"trial": 10})


class Backup(Case):
    def test_copied_while_four_write_and_restored_to_the_same_answers(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
            stop = threading.Event()
            writers = [threading.Thread(target=self.write, args=(daemon, f"w{i}", stop))
                       for i in range(4)]
            for writer in writers:
                writer.start()
            first = daemon.ask("backup", self.scratch / "copy")
            second = daemon.ask("backup", self.scratch / "copy")
            stop.set()
            for writer in writers:
                writer.join()
            self.assertEqual(second["from"], first["to"] + 1 if second["events"] else 0)
            last = daemon.ask("backup", self.scratch / "copy")
            status = daemon.ask("status")
            self.assertEqual((last["to"], last["root"]), (status["head"], status["root"]))
            expected = answers(daemon)
            known = answers(daemon, known_at=first["to"])
            log = daemon.log()
        self.restore("copy", "again")
        self.assertEqual(self.verify("again")["root"], status["root"])
        with self.daemon("again") as restored:
            again = restored.ask("status")
            self.assertEqual((again["log"], again["head"], again["root"]),
                             (status["log"], status["head"], status["root"]))
            self.assertEqual(restored.log(), log)
            self.assertEqual(answers(restored), expected)
            self.assertEqual(answers(restored, known_at=first["to"]), known)
            self.assertEqual(restored.ask("backup", self.scratch / "copy")["events"], 0)
            got = restored.import_events(harness.load())
            self.assertEqual((got["appended"], got["duplicates"]), (0, 1866))

    def write(self, daemon, name, stop):
        world = World(name)
        with daemon.peer() as peer:
            while not stop.is_set():
                peer.append(world.activities(20, text="x" * 100))

    def test_again_it_moves_only_what_is_new(self):
        events = harness.load()
        with self.daemon() as daemon:
            daemon.import_events(events[:1000])
            got = daemon.ask("backup", self.scratch / "copy")
            self.assertEqual((got["from"], got["to"], got["events"]), (1, 1000, 1000))
            before = fingerprint(self.scratch / "copy")
            daemon.import_events(events[1000:])
            more = daemon.ask("backup", self.scratch / "copy")
            self.assertEqual((more["from"], more["to"], more["events"]), (1001, 1866, 866))
            after = fingerprint(self.scratch / "copy")
            self.assertEqual({k: v for k, v in after.items() if k in before and k != "BACKUP"},
                             {k: v for k, v in before.items() if k != "BACKUP"})
            new = sum(os.path.getsize(os.path.join(self.scratch / "copy", name))
                      for name in set(after) - set(before))
            self.assertLess(new, more["bytes"] * 1.1)
            self.assertEqual(daemon.ask("backup", self.scratch / "copy")["events"], 0)
        self.assertEqual(self.verify("copy")["size"], 1866)

    def test_an_empty_log_too(self):
        with self.daemon() as daemon:
            self.assertEqual(daemon.ask("backup", self.scratch / "copy")["events"], 0)
        self.restore("copy", "again")
        self.assertEqual(self.verify("again")["size"], 0)

    def test_interrupted_at_any_moment_it_goes_on(self):
        dice = random.Random(harness.seed())
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
            for part in range(12):
                daemon.import_events(World(f"p{part}").activities(1000, text="x" * 3000))
            kinds = {}
            for turn in range(ROUNDS):
                place = self.scratch / f"copy{turn % 2}"
                self.interrupt(daemon, place, dice)
                if os.path.exists(os.path.join(place, "BACKUP")):
                    found = harness.ctl("verify", place, "--json").json()
                    kinds[found["size"]] = kinds.get(found["size"], 0) + 1
                daemon.import_events(World(f"q{turn}").activities(50))
            print(f"interrupted backups held {kinds}", flush=True)
            for turn in range(2):
                status = daemon.ask("status")
                got = daemon.ask("backup", self.scratch / f"copy{turn}")
                self.assertEqual((got["to"], got["root"]), (status["head"], status["root"]))
                self.assertEqual(self.verify(f"copy{turn}")["root"], status["root"])

    def size_of(self, path):
        """Of a file that comes and goes."""
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0

    def interrupt(self, daemon, place, dice):
        """Run a backup and end it by SIGKILL or SIGINT once it has written so many files' bytes."""
        environment = harness.clean_environment({"TRIALD_ENDPOINT": daemon.endpoint})
        run = subprocess.Popen([harness.program("TRIALCTL", "trialctl"), "backup", place],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=environment)
        wanted = dice.randrange(45_000_000)
        while run.poll() is None:
            names = os.listdir(place) if os.path.exists(place) else []
            if sum(self.size_of(pathlib.Path(place) / name) for name in names) >= wanted:
                break
        if run.poll() is None:
            run.send_signal(dice.choice((signal.SIGKILL, signal.SIGINT)))
        run.wait(harness.WAIT_S)

    def test_the_daemon_is_killed_meanwhile(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
            for part in range(20):
                daemon.import_events(World(f"p{part}").activities(1000, text="x" * 400))
            environment = harness.clean_environment({"TRIALD_ENDPOINT": daemon.endpoint})
            run = subprocess.Popen(
                [harness.program("TRIALCTL", "trialctl"), "backup", self.scratch / "copy",
                 "--timeout", "1s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=environment)
            place = pathlib.Path(self.scratch / "copy") / "new.tmp"
            while run.poll() is None and self.size_of(place) < 1 << 20:
                pass
            daemon.kill()
            _, err = run.communicate(timeout=harness.WAIT_S)
            self.assertIn(run.returncode, (0, 2), err)
            kept = self.verify("copy")["size"]
            daemon.start()
            got = daemon.ask("backup", self.scratch / "copy")
            self.assertEqual((got["events"], got["to"]), (21866 - kept, 21866))
            print(f"{kept} events were kept of the one that was cut off", flush=True)

    def test_a_damaged_backup_is_named_by_position_and_not_restored(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
            daemon.ask("backup", self.scratch / "copy")
        place = pathlib.Path(self.scratch / "copy")
        segment = next(place.glob("*.records"))
        whole = segment.read_bytes()
        flip(segment, whole.index("Sygeplejeklinik uden for".encode()))
        found = self.verify("copy", status=8)
        self.assertEqual(found["bad"], 149)
        failed = self.restore("copy", "again", status=74)
        self.assertIn("149", failed.err)
        self.assertFalse(os.path.exists(self.scratch / "again"))
        dice = random.Random(harness.seed())
        for _ in range(40):
            segment.write_bytes(whole)
            flip(segment, dice.randrange(len(whole)), 1 << dice.randrange(8))
            found = self.verify("copy", status=None)
            if found["bad"] == 0:  # bytes that nobody reads
                self.assertEqual(found["size"], 1866)
        segment.write_bytes(whole[:-4096])
        self.assertEqual(self.verify("copy", status=8)["bad"], 1)
        segment.write_bytes(whole)
        manifest = (place / "BACKUP").read_text()
        (place / "BACKUP").write_text(manifest.replace("head 1866", "head 1865"))
        self.assertIn("BACKUP", self.verify("copy", status=8)["reason"])
        (place / "BACKUP").write_text(manifest)
        self.assertEqual(self.verify("copy")["bad"], 0)

    def test_another_log_or_a_directory_of_something_else_is_refused(self):
        with self.daemon() as daemon, self.daemon("other") as other:
            daemon.import_events(harness.load()[:50])
            other.import_events(harness.load()[:60])
            daemon.ask("backup", self.scratch / "copy")
            before = fingerprint(self.scratch / "copy")
            self.assertIn("log", other.ctl("backup", self.scratch / "copy", status=4).err)
            self.assertEqual(fingerprint(self.scratch / "copy"), before)
            os.mkdir(self.scratch / "full")
            pathlib.Path(self.scratch / "full").joinpath("letter").write_text("dear")
            self.assertIn("letter", daemon.ctl("backup", self.scratch / "full", status=6).err)
            self.assertEqual(os.listdir(self.scratch / "full"), ["letter"])

    def test_a_log_that_went_another_way_is_refused(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load()[:500])
            daemon.ask("backup", self.scratch / "old")
            daemon.import_events(harness.load()[:600])
            daemon.ask("backup", self.scratch / "new")
        self.restore("old", "again")
        before = fingerprint(self.scratch / "new")
        with self.daemon("again") as restored:
            for count in (500, 550, 700):  # shorter than the backup; as they were; longer
                restored.import_events(harness.load()[:count])
                said = restored.ctl("backup", self.scratch / "new", status=4).err
                self.assertIn("not its beginning", said)
            self.assertEqual(restored.ask("backup", self.scratch / "old")["from"], 501)
        self.assertEqual(fingerprint(self.scratch / "new"), before)


class Restore(Case):
    def backed_up(self, events):
        """A backup of these events, the log's name, and its events."""
        with self.daemon() as daemon:
            for start in range(0, len(events), 100):
                daemon.import_events(events[start:start + 100])
            daemon.ask("backup", self.scratch / "copy")
            return daemon.ask("status"), daemon.log()

    def test_nothing_is_put_over_a_store(self):
        self.backed_up(harness.load()[:50])
        before = fingerprint(self.scratch / "store")
        self.assertIn("not empty", self.restore("copy", "store", status=78).err)
        self.assertEqual(fingerprint(self.scratch / "store"), before)
        os.mkdir(self.scratch / "empty")
        self.restore("copy", "empty")
        self.assertEqual(self.verify("empty")["size"], 50)

    def test_until(self):
        status, log = self.backed_up(harness.load())
        with self.daemon() as daemon:
            known = {cut: answers(daemon, known_at=cut) for cut in (1, 777)}
        for cut in (1, 777):
            self.restore("copy", f"cut{cut}", "--until", cut)
            with self.daemon(f"cut{cut}") as restored:
                again = restored.ask("status")
                self.assertNotEqual(again["log"], status["log"])
                self.assertEqual(again["head"], cut)
                self.assertEqual(restored.log(), log[:cut])
                self.assertEqual(answers(restored), known[cut])
                self.assertEqual(restored.ask("verify")["bad"], 0)
                restored.ctl("backup", self.scratch / "copy", status=4)
        self.restore("copy", "time", "--until", log[999]["ingesttime"])
        size = max(e["position"] for e in log if e["ingesttime"] == log[999]["ingesttime"])
        self.assertEqual(self.verify("time")["size"], size)
        self.restore("copy", "day", "--until", log[-1]["ingesttime"][:10])
        whole = self.verify("day")
        self.assertEqual((whole["size"], whole["log"]), (1866, status["log"]))
        for until in ("0", "1867", "yesterday", "2001-01-01"):
            self.assertIn("--until", self.restore("copy", "no", "--until", until, status=78).err)
            self.assertFalse(os.path.exists(self.scratch / "no"))

    def test_killed_meanwhile_it_leaves_no_store_and_is_run_again(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
            for part in range(20):
                daemon.import_events(World(f"p{part}").activities(1000, text="x" * 400))
            status = daemon.ask("status")
            daemon.ask("backup", self.scratch / "copy")
        half = pathlib.Path(self.scratch / "again.restoring")
        for part in ("new.tmp", "STORE", "lmdb/data.mdb"):
            run = subprocess.Popen([harness.program("TRIALD", "triald"), "--restore",
                                    self.scratch / "copy", "--store", self.scratch / "again"],
                                   stderr=subprocess.DEVNULL, env=harness.clean_environment())
            while run.poll() is None and not (half / part).exists():
                pass
            run.kill()
            run.wait(harness.WAIT_S)
            self.assertFalse(os.path.exists(self.scratch / "again"))
            if (half / "STORE").exists():
                copy = self.scratch / "half"
                shutil.copytree(half, copy)
                self.half_a_store_is_not_opened()
                shutil.rmtree(copy)
        self.restore("copy", "again")
        self.assertFalse(half.exists())
        self.assertEqual(self.verify("again")["root"], status["root"])

    def half_a_store_is_not_opened(self):
        """What an interrupted restore left is refused, or it holds nothing at all."""
        half = self.daemon("half")
        try:
            half.start()
        except harness.StartFailed as failed:
            self.assertEqual(failed.status, 78)
            self.assertIn("restore", str(failed))
            return
        self.assertEqual(half.ask("status")["head"], 0)
        half.stop()


if __name__ == "__main__":
    harness.main()

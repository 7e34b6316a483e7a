#!/usr/bin/python3
"""Operating it where things go wrong: places that are no places, disks that are full, a daemon that
goes away, several at once, an interrupted operator."""
import fcntl
import os
import pathlib
import signal
import subprocess
import threading
import unittest

import msgpack
import zmq

import harness
from small_world import World

SIZE_LIMIT = 65536  # of an event, in its canonical encoding


class Case(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.scratch = harness.Scratch()
        self.addCleanup(self.scratch.remove)

    def daemon(self, store="store", **options):
        daemon = harness.Daemon(scratch=self.scratch, store=self.scratch / store, **options)
        daemon.endpoint += store
        daemon.feed += store
        daemon.starts = 100 * len(store)
        self.addCleanup(daemon.close)
        return daemon

    def restore(self, store, *arguments, status=0, backup="copy"):
        return harness.triald("--restore", self.scratch / backup, "--store", self.scratch / store,
                              *arguments, status=status)

    def names(self, place):
        return sorted(os.listdir(self.scratch / place))

    def small_disk(self, name, size):
        """A disk of its own, or the test is skipped: it takes a right to mount one."""
        path = self.scratch / name
        os.mkdir(path)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", path]
        if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("no disk of its own can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "--lazy", path], check=False)
        return path

    def remount(self, path, options):
        subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)


class Places(Case):
    def test_a_backup_into_a_place_that_is_none(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load()[:20])
            before = self.names("store")
            pathlib.Path(self.scratch / "file").write_text("dear")
            os.symlink("/nowhere/at/all", self.scratch / "dangling")
            for place, said in (("store", "is no backup and not empty"),  # its own, and in use
                                ("file", "Not a directory"), ("file/below", "Not a directory"),
                                ("absent/below", "No such file or directory"),
                                ("dangling", "No such file or directory")):
                result = daemon.ctl("backup", self.scratch / place, status=6)
                self.assertIn(said, result.err)
                self.assertEqual(result.out, "")
            self.assertEqual(self.names("store"), before)
            self.assertFalse(os.path.exists(self.scratch / "absent"))
            self.assertEqual(pathlib.Path(self.scratch / "file").read_text(), "dear")

    def test_names_that_are_hard_to_write(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load()[:20])
            status = daemon.ask("status")
            os.mkdir(self.scratch / "real")
            os.symlink(self.scratch / "real", self.scratch / "link")
            for name in ("sikkerhedskopi æøå", "link", "two\nlines", "-x", "latin-\udce6"):
                got = daemon.ask("backup", self.scratch / name)
                self.assertEqual(got["to"], 20)
                found = harness.ctl("verify", self.scratch / name, "--json").json()
                self.assertEqual((found["kind"], found["size"], found["root"]),
                                 ("backup", 20, status["root"]))
                if name in ("sikkerhedskopi æøå", "latin-\udce6"):
                    self.restore(name + " store", backup=name)
                    found = harness.ctl("verify", self.scratch / (name + " store"), "--json").json()
                    self.assertEqual((found["kind"], found["root"]), ("store", status["root"]))
            self.assertEqual(self.names("real"), ["00000000000000000001.records", "BACKUP"])

    def test_a_restore_into_a_place_that_is_none(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load()[:20])
            daemon.ask("backup", self.scratch / "copy")
            os.symlink("/nowhere/at/all", self.scratch / "dangling")
            os.symlink(self.scratch / "store", self.scratch / "to-store")
            pathlib.Path(self.scratch / "file").write_text("dear")
            before = self.names(".")
            for place, said in (("dangling", "leads nowhere"), ("to-store", "not empty"),
                                ("store", "not empty"), ("file", "cannot be looked into"),
                                ("copy", "not empty")):
                result = self.restore(place, status=78)
                self.assertIn(said, result.err)
                self.assertIn("trial-trouble(7)", harness.triald(
                    "--store", self.scratch / "file", status=78).err)
            self.assertEqual(self.names("."), before)
            os.mkdir(self.scratch / "empty")
            os.symlink(self.scratch / "empty", self.scratch / "to-empty")
            self.restore("to-empty")
            self.assertTrue(os.path.islink(self.scratch / "to-empty"))
            self.assertEqual(harness.ctl("verify", self.scratch / "empty", "--json").json()["size"],
                             20)
            os.mkdir(self.scratch / "here")
            run = subprocess.run([harness.program("TRIALD", "triald"), "--restore",
                                  self.scratch / "copy", "--store", "."], cwd=self.scratch / "here",
                                 env=harness.clean_environment(), stderr=subprocess.PIPE,
                                 check=False)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("STORE", self.names("here"))

    def test_a_restore_onto_the_root_of_a_disk(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load()[:20])
            daemon.ask("backup", self.scratch / "copy")
        self.small_disk("disk", "200m")
        self.assertIn("root of a file system", self.restore("disk", status=78).err)
        self.assertEqual(self.names("disk"), [])
        self.assertFalse(os.path.exists(self.scratch / "disk.restoring"))
        self.restore("disk/store", "--reserve-bytes", "0")
        self.assertEqual(self.names("disk"), ["store"])


class Full(Case):
    def test_the_disk_of_the_backup_is_full_then_read_only_then_neither(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
            daemon.import_events(World("w").activities(3000, text="x" * 900))
            disk = self.small_disk("disk", "1m")
            place = os.path.join(disk, "copy")
            result = daemon.ctl("backup", place, status=6)
            self.assertIn("No space left on device", result.err)
            self.assertNotIn("where the daemon has its store", result.err)
            if os.path.exists(os.path.join(place, "BACKUP")):
                self.assertEqual(harness.ctl("verify", place, "--json").json()["bad"], 0)
            self.remount(disk, "size=64m")
            self.remount(disk, "ro")
            self.assertIn("Read-only", daemon.ctl("backup", place, status=6).err)
            self.remount(disk, "rw")
            got = daemon.ask("backup", place)
            status = daemon.ask("status")
            self.assertEqual((got["to"], got["root"]), (4866, status["root"]))
            self.assertEqual(harness.ctl("verify", place, "--json").json()["root"], got["root"])
            daemon.import_events(World("v").activities(10))
            self.assertEqual(daemon.ask("backup", place)["from"], 4867)

    def test_the_disk_of_a_restore_is_full(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
            got = daemon.ask("backup", self.scratch / "copy")
        disk = self.small_disk("disk", "10m")
        failed = self.restore("disk/store", "--reserve-bytes", "0", status=74)
        self.assertIn("No space left on device", failed.err)
        self.assertFalse(os.path.exists(os.path.join(disk, "store")))
        self.remount(disk, "size=300m")
        self.assertIn("in reserve", self.restore("disk/store", "--reserve-bytes", "1G",
                                                 status=74).err)
        self.restore("disk/store", "--reserve-bytes", "0")
        self.assertEqual(self.names("disk"), ["store"])
        found = harness.ctl("verify", os.path.join(disk, "store"), "--json").json()
        self.assertEqual(found["root"], got["root"])


class Together(Case):
    def test_two_backups_into_one_directory(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load()[:20])
            daemon.ask("backup", self.scratch / "copy")
            fd = os.open(self.scratch / "copy", os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(fd, fcntl.LOCK_EX)  # as another trialctl would
            self.assertIn("another trialctl", daemon.ctl("backup", self.scratch / "copy",
                                                         status=2).err)
            os.close(fd)
            runs = [subprocess.Popen([harness.program("TRIALCTL", "trialctl"), "backup", "--json",
                                      self.scratch / "new"], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL, env=harness.clean_environment(
                                         {"TRIALD_ENDPOINT": daemon.endpoint})) for _ in range(4)]
            self.assertLessEqual({run.wait(harness.WAIT_S) for run in runs}, {0, 2})
            self.assertEqual(daemon.ask("backup", self.scratch / "new")["events"], 0)

    def test_a_rebuild_while_others_append_and_read(self):
        with self.daemon() as daemon:
            daemon.import_events(harness.load())
            daemon.import_events(World("many").activities(20000))
            expected = self.answers(daemon)
            stop, wrong = threading.Event(), []
            others = [threading.Thread(target=work, args=(daemon, stop, wrong, i))
                      for i, work in enumerate((self.append, self.append, self.read))]
            for other in others:
                other.start()
            for _ in range(3):
                self.assertEqual(len(daemon.ask("rebuild")["views"]), len(harness.ALL_VIEWS))
            stop.set()
            for other in others:
                other.join()
            self.assertEqual(wrong, [])
            self.assertEqual(daemon.ask("verify")["bad"], 0)
            self.assertEqual(self.answers(daemon), expected)

    def answers(self, daemon):
        with daemon.peer() as peer:
            return {view: peer.query_all(view, where={"programme": "ff2"})
                    for view in ("trial", "funnel", "outcome", "finding")}

    def append(self, daemon, stop, wrong, number):
        world = World(f"a{number}")
        with daemon.peer() as peer:
            while not stop.is_set():
                got = peer.append(world.activities(20))
                if len(got["positions"]) != 20:
                    wrong.append(got)

    def read(self, daemon, stop, wrong, _):
        with daemon.peer() as peer:
            while not stop.is_set():
                row = peer.call("query", view="funnel", key="ff2")["rows"][0]
                if row["submitted"] != 107:
                    wrong.append(row)


class Gone(Case):
    """A peer that answers `status` and takes everything else without a word."""

    def ask(self, verb, answer, *flags):
        """Run a verb; `answer(socket, peer, msgid, n)` answers its nth `status`. Returns what it
        said."""
        endpoint = "ipc://" + self.scratch / "fake"
        socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.addCleanup(socket.close, 0)
        socket.bind(endpoint)
        run = subprocess.Popen([harness.program("TRIALCTL", "trialctl"), verb, "--endpoint",
                                endpoint, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=harness.clean_environment())
        self.addCleanup(lambda: run.poll() is None and run.kill())
        asked = 0
        while run.poll() is None and not socket.closed:
            if socket.poll(100) == 0:
                continue
            peer, frame = socket.recv_multipart()
            _, msgid, method, _ = msgpack.unpackb(frame)
            if method == "status":
                asked += 1
                answer(socket, peer, msgid, asked)
        _, said = run.communicate(timeout=harness.WAIT_S)
        self.assertEqual(run.returncode, 2, said)
        return said.decode()

    def status(self, socket, peer, msgid, started):
        result = {"head": 1, "started": started, "work": {"done": 0, "total": 0}}
        socket.send_multipart([peer, msgpack.packb([1, msgid, None, result])])

    def test_the_daemon_is_restarted_while_it_verifies(self):
        said = self.ask("verify", lambda socket, peer, msgid, asked: self.status(
            socket, peer, msgid, f"2026-01-01T00:00:0{min(asked, 2)}Z"))
        self.assertIn("was restarted, and nothing came of the verify", said)

    def test_the_daemon_goes_away_while_it_verifies(self):
        def answer(socket, peer, msgid, asked):
            self.status(socket, peer, msgid, "2026-01-01T00:00:00Z")
            if asked == 2:
                socket.close(1000)

        self.assertIn("has gone, and nothing came of the verify", self.ask("verify", answer))

    def test_an_answer_that_takes_longer_than_it_was_given(self):
        said = self.ask("rebuild", lambda socket, peer, msgid, asked: self.status(
            socket, peer, msgid, "2026-01-01T00:00:00Z"), "--timeout", "1s")
        self.assertIn("it goes on in the daemon", said)


class Interrupted(Case):
    def test_a_verification_leaves_nobody_behind_who_holds_the_store(self):
        with self.daemon() as daemon:
            daemon.import_events(World("w").activities(20000))
        command = [harness.program("TRIALCTL", "trialctl"), "verify", daemon.store]
        for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
            run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=harness.clean_environment())
            children = pathlib.Path(f"/proc/{run.pid}/task/{run.pid}/children")
            child = ""
            while run.poll() is None and not child:
                child = children.read_text().strip()
            self.assertTrue(child)
            fd = os.pidfd_open(int(child))
            run.send_signal(number)
            self.assertEqual(run.wait(harness.WAIT_S), status)
            self.assert_ended(fd)
            self.assertEqual(harness.ctl("verify", daemon.store, "--json").json()["bad"], 0)

    def assert_ended(self, fd):
        """Wait for the end of a process that is not our child."""
        poll = zmq.Poller()
        poll.register(fd, zmq.POLLIN)
        self.assertTrue(poll.poll(harness.WAIT_S * 1000))
        os.close(fd)


class Sizes(Case):
    def test_events_of_the_largest_size(self):
        with self.daemon() as daemon:
            world = World("w")
            with daemon.peer() as peer:
                room = SIZE_LIMIT
                while peer_refuses(peer, world.activities(1, text="x" * room)):
                    room -= 16
                self.assertGreater(room, SIZE_LIMIT - 1024)
                for _ in range(3):
                    peer.append(world.activities(30, text="x" * room))
            status = daemon.ask("status")
            daemon.ask("rebuild")
            self.assertEqual(daemon.ask("verify")["bad"], 0)
            got = daemon.ask("backup", self.scratch / "copy")
            self.assertEqual((got["events"], got["root"]), (90, status["root"]))
            log = daemon.log()
        self.restore("again")
        with self.daemon("again") as again:
            self.assertEqual(again.log(), log)

    def test_nothing_at_all(self):
        with self.daemon() as daemon:
            self.assertEqual(daemon.ask("verify")["size"], 0)
            self.assertEqual(set(daemon.ask("rebuild")["views"].values()), {0})
            got = daemon.ask("backup", self.scratch / "copy")
            self.assertEqual((got["from"], got["to"], got["events"], got["bytes"]), (0, 0, 0, 0))
            found = harness.ctl("verify", self.scratch / "copy", "--json",
                                "--since", f"0:{got['root']}").json()
            self.assertEqual((found["size"], found["bad"], found["same"]), (0, 0, True))
            self.assertIn("--until", self.restore("cut", "--until", "1", status=78).err)
            self.restore("again")
            self.assertEqual(harness.ctl("verify", self.scratch / "again", "--json").json()["size"],
                             0)


def peer_refuses(peer, events):
    """Is it too large? Asked by a dry run, so nothing is kept."""
    try:
        peer.append(events, dry_run=True)
    except harness.WireError as fault:
        assert fault.code == "too-large", fault
        return True
    return False


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
"""The daemon and its units on a machine of their own that booted systemd: installed, started by its
sockets, restarted, hung, killed, reloaded, upgraded, with a full disk, backed up. Clients work all the
time; after each step nothing that was acknowledged is lost, nobody was turned away, and the units say
what happened. The packages of BUILD/packages are installed where there are any, else what
`cmake --install` puts in place."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import msgpack
import zmq

import harness
from container import Container, Refused, require, until
from raw_peer import RawPeer
from small_world import World

BUILD = pathlib.Path(os.environ.get("TRIAL_BUILD", "build"))
TRIES_MS = 300  # then an append that has no answer is sent again
IMPORTED = 1866
STORE_MIB = 160  # of the small disk: two journals of 32 MiB, the tables, and little beside them
SETTINGS = """[Unit]
StartLimitIntervalSec=0
[Service]
Environment=TRIALD_RESERVE_BYTES=16M
WatchdogSec=2
TimeoutAbortSec=1
"""


def catalog_rows():
    """(id, what is so) of every message of the journal's catalogue."""
    text = (BUILD / "triald.catalog").read_text(encoding="utf-8")
    return re.findall(r"^-- (\w+)\nSubject: (.*)$", text, re.M)


class Writer(threading.Thread):
    """A client that appends one event after the other, for as long as it is not told to stop, and sends
    again what was not answered. It keeps what was acknowledged, and counts connections that were
    refused."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.is_over, self.world = path, False, World("writer")
        self.acknowledged = {}  # id -> position
        self.refused, self.no_space, self.fault = 0, 0, None

    def run(self):
        try:
            while not self.is_over:
                self.append(self.world.activity())
        except Exception as fault:  # told by check()
            self.fault = fault

    def append(self, event):
        request = msgpack.packb([0, 1, "append", [{"events": [event]}]])
        while not self.is_over:
            try:
                RawPeer("ipc://" + self.path).close()  # is anybody there to take a connection?
            except OSError:
                self.refused += 1
            with zmq.Context.instance().socket(zmq.DEALER) as peer:
                peer.linger, peer.rcvtimeo = 0, TRIES_MS
                peer.connect("ipc://" + self.path)
                peer.send(request)
                try:
                    _, _, error, result = msgpack.unpackb(peer.recv())
                except zmq.Again:
                    continue
            if error is None:
                self.acknowledged[event["id"]] = result["first"]
                return
            assert error["code"] == "no-space", error
            self.no_space += 1

    def wait_for_more(self, count=3):
        """Until it got on: the daemon answers."""
        wanted = len(self.acknowledged) + count
        until("appends are acknowledged", lambda: len(self.acknowledged) >= wanted or self.fault)

    def stop(self):
        self.is_over = True
        self.join(harness.WAIT_S)


class Boot:
    """The steps, in their order; each says what it saw."""

    def __init__(self, machine, scratch):
        self.machine, self.scratch = machine, scratch
        self.writer, self.head, self.failed = None, 0, 0
        self.begun = time.monotonic()
        self.packages = sorted(p.name for p in (BUILD / "packages").glob("*.deb")
                               if not p.name.startswith("libtrial-dev"))

    def expect(self, what, got, wanted):
        is_right = wanted in got if isinstance(wanted, str) and len(wanted) > 0 else got == wanted
        said = "" if is_right else f": it is {got!r}, not {wanted!r}"
        self.failed += not is_right
        print(f"{'ok' if is_right else 'failed'}: {time.monotonic() - self.begun:4.1f} s "
              f"{what}{said}", flush=True)

    def service(self, *names):
        return " ".join(self.machine.show("triald", name) for name in names)

    def up(self, restarts):
        """Wait until systemd has started it again for the nth time and it serves; its process."""
        self.machine.wait("triald", "NRestarts", str(restarts))
        self.machine.wait("triald", "SubState", "running")
        self.writer.wait_for_more(1)
        return int(self.service("MainPID"))

    def ask(self, *words):
        return json.loads(self.machine.run("trialctl", "--timeout", "60s", *words, "--json"))

    def check(self, after):
        """Nothing that was acknowledged is lost, and the log holds together."""
        self.writer.wait_for_more()
        self.expect(f"after {after}: nobody was turned away, and no client failed",
                    [self.writer.refused, self.writer.fault], [0, None])
        known = dict(self.writer.acknowledged)
        head = self.ask("status")["head"]
        log = self.machine.run("trialctl", "log", "--from", IMPORTED + 1, "--limit", "1000000",
                               "--json")
        kept = {e["id"]: e["position"] for e in map(json.loads, log.splitlines())}
        lost = {i for i, position in known.items() if kept.get(i) != position}
        self.expect(f"after {after}: each of {len(known)} acknowledged events is where it was", lost,
                    set())
        self.expect(f"after {after}: the head has not gone back", head >= self.head, True)
        self.head = head
        self.expect(f"after {after}: all of it verifies", self.ask("verify")["bad"], 0)

    def install(self):
        if self.packages:
            self.machine.run("dpkg", "--install", *[f"/mnt/packages/{p}" for p in self.packages])
            return "the packages"
        self.machine.run("cp", "-a", "/mnt/installed/.", "/")
        self.machine.run("ldconfig")
        self.machine.run("systemd-sysusers")
        self.machine.run("systemd-tmpfiles", "--create", "triald.conf")
        self.machine.run("journalctl", "--update-catalog")
        self.machine.run("systemctl", "daemon-reload")
        return "the files"

    def prepare(self):
        m = self.machine
        # A machine for builds may forbid that an installation starts anything, and nobody looks for manuals.
        m.run("rm", "-f", "/usr/sbin/policy-rc.d", "/var/lib/man-db/auto-update")
        m.write("/etc/systemd/system/triald.service.d/test.conf", SETTINGS)
        m.run("mkdir", "-p", "/var/lib/triald")
        m.run("mount", "-t", "tmpfs", "-o", f"size={STORE_MIB}M,mode=700", "tmpfs", "/var/lib/triald")
        what = self.install()
        self.expect(f"{what} are installed", m.run("triald", "--version"), "triald")
        if self.packages:
            self.expect("which enabled and started it", m.run(
                "systemctl", "is-enabled", "triald.socket", "triald-feed.socket", "triald").split()
                        + [self.service("ActiveState")], ["enabled"] * 3 + ["active"])
            m.run("systemctl", "stop", "trialboard", status=None)  # a client, if there is one
        m.run("systemctl", "stop", "triald.socket", "triald-feed.socket", "triald")

    def start_by_socket(self):
        m = self.machine
        m.run("systemctl", "start", "triald.socket", "triald-feed.socket")
        self.expect("the socket is there, and no daemon",
                    f"{m.show('triald.socket', 'SubState')} {self.service('ActiveState')}",
                    "listening inactive")
        self.expect("the first request starts it", self.ask("status")["head"], 0)
        self.expect("it is active once it said READY", self.service("ActiveState", "SubState"),
                    "active running")
        for path in ("/run/triald/triald.sock", "/run/triald/feed.sock"):
            inodes = [line.split()[6] for line in m.run("cat", "/proc/net/unix").splitlines()
                      if line.endswith(f" 00010000 0001 01 {line.split()[6]} {path}")]
            holders = [pid for pid in (1, int(self.service("MainPID")))
                       if f"socket:[{inodes[0]}]" in m.run("sh", "-c", f"readlink /proc/{pid}/fd/*")]
            self.expect(f"{path} is one socket, systemd's and the daemon's",
                        [len(inodes), len(holders)], [1, 2])
        m.run("trialctl", "import", "/mnt/data/programme-2016-2020.ndjson")
        status = self.ask("status")
        self.expect("it takes a history under its filters", status["head"], IMPORTED)
        self.expect("the store is its own", m.run("stat", "-c", "%U %a", "/var/lib/triald"),
                    "triald 700")
        self.expect("the sockets are the group's",
                    m.run("stat", "-c", "%U %G %a", "/run/triald", "/run/triald/triald.sock",
                          "/run/triald/feed.sock").splitlines(),
                    ["triald triald 750"] + ["triald triald 660"] * 2)
        m.run("systemctl", "restart", "triald")
        again = self.ask("status")
        self.expect("a restart leaves head and root", [again["head"], again["root"]],
                    [status["head"], status["root"]])
        self.writer = Writer(m.path("/run/triald/triald.sock"))
        self.writer.start()
        self.check("the import")

    def restart(self):
        for _ in range(5):
            before = self.service("MainPID")
            self.machine.run("systemctl", "restart", "triald")
            self.writer.wait_for_more(1)
            self.expect("it is another process", self.service("MainPID") != before, True)
        self.check("5 restarts")

    def kill(self):
        m = self.machine
        for count in (1, 2):
            m.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "triald")
            self.up(count)
        entries = [json.loads(line) for line in
                   m.run("journalctl", "-u", "triald", "-o", "json", "--no-pager").splitlines()]
        told = {e["TRIALD_POSITION"]: e for e in entries if "TRIALD_POSITION" in e}
        self.expect("the journal has its lines with their fields", sorted(
            {(e["SYSLOG_IDENTIFIER"], e["_TRANSPORT"], e["PRIORITY"]) for e in told.values()}),
                    [("triald", "journal", "5")])
        self.expect("the journal says that it was killed",
                    m.journal("-u", "triald"), "Main process exited, code=killed, status=9/KILL")
        self.check("kill -9")

    def hang(self):
        m = self.machine
        m.run("sh", "-c", f"kill -s STOP {self.up(2)}")
        self.up(3)
        self.expect("the watchdog found it", m.journal("-u", "triald"), "Watchdog timeout")
        self.check("a hang")

    def reload(self):
        m = self.machine
        before = self.service("MainPID")
        for _ in range(3):
            m.run("systemctl", "reload", "triald")
        m.wait("triald", "ActiveState", "active")
        self.expect("a reload leaves it running", self.service("MainPID", "ActiveState"),
                    f"{before} active")
        self.expect("the manager saw it through", m.journal("-u", "triald"), "Reloaded")
        self.check("a reload")

    def upgrade(self):
        m = self.machine
        before = self.service("MainPID")
        if self.packages:
            m.run("sh", "-ec", """cd /var/tmp; for deb in "$@"; do
                    dpkg-deb --raw-extract "$deb" tree
                    sed -i -e '/^Version:/s/$/+next/' -e '/^Depends:/s/ (= [^)]*)//g' tree/DEBIAN/control
                    dpkg-deb --build -Znone --root-owner-group tree "next-$(basename "$deb")" >/dev/null
                    rm -r tree
                done
                dpkg --install next-*.deb""", "sh", *[f"/mnt/packages/{p}" for p in self.packages])
            self.expect("the next version is installed",
                        m.run("dpkg-query", "-W", "-f", "${Version}", "triald"), "+next")
        else:
            m.run("cp", "-a", "--remove-destination", "/mnt/installed/.", "/")
            m.run("systemctl", "daemon-reload")
            m.run("systemctl", "restart", "triald")
        self.expect("it runs as another process",
                    [self.service("MainPID") != before, self.service("ActiveState")],
                    [True, "active"])
        self.expect("and of the new file", m.run(
            "sh", "-c", f"readlink /proc/{int(self.service('MainPID'))}/exe"), "bin/triald\n")
        self.check("an upgrade")

    def fill_the_disk(self):
        m = self.machine
        before, told = self.service("MainPID"), self.writer.no_space
        m.run("sh", "-c", "dd if=/dev/zero of=/var/lib/triald/ballast bs=1M 2>/dev/null", status=None)
        until("appends are refused for want of space", lambda: self.writer.no_space > told + 3)
        until("the status line says so",
              lambda: "is nearly full" in self.service("StatusText"))
        self.expect("reads go on", self.ask("status")["head"] >= self.head, True)
        m.run("rm", "/var/lib/triald/ballast")
        self.writer.wait_for_more()
        until("the status line no longer says so",
              lambda: "is nearly full" not in self.service("StatusText"))
        said = m.journal("-u", "triald")
        self.expect("the journal says when it began", said, "the disk is nearly full: appends are")
        self.expect("and when it was over", said, "there is space again: appends are taken")
        self.expect("it is the same process still", self.service("MainPID"), before)
        row = next(r for r in catalog_rows() if "nearly full" in r[1])
        self.expect("both are found by the id of the condition",
                    m.journal(f"MESSAGE_ID={row[0]}").count("appends are"), 2)
        self.expect("and explained by the catalogue", m.run(
            "journalctl", "--no-pager", "--catalog", f"MESSAGE_ID={row[0]}"), "What to do: make")
        self.check("a full disk")

    def stall_the_journal(self):
        m = self.machine
        pid, journald = int(self.service("MainPID")), int(m.show("systemd-journald", "MainPID"))
        m.run("sh", "-c", f"kill -s STOP {journald}")
        told = self.writer.no_space

        def is_dropping():
            m.run("sh", "-c", f"i=0; while [ $i -lt 500 ]; do kill -s HUP {pid}; i=$((i + 1)); done")
            return "dropping-lines" in [c["name"] for c in self.ask("status")["conditions"]]

        try:
            until("log lines are dropped", is_dropping)
            self.writer.wait_for_more(100)
        finally:
            m.run("sh", "-c", f"kill -s CONT {journald}")
        self.expect("a stalled journal holds nobody up", self.writer.no_space, told)

        def is_told():
            m.run("sh", "-c", f"kill -s HUP {pid}")  # the next line to get through tells it
            return "log lines were dropped before this" in m.journal("-u", "triald", "-p", "4")

        until("the journal says how many lines are missing", is_told)
        self.expect("it is the same process still", int(self.service("MainPID")), pid)
        self.check("a stalled journal")

    def back_up(self):
        m = self.machine
        unit, copy = "triald-backup", "/var/lib/triald-backup/log"
        for _ in range(2):
            m.run("systemctl", "start", unit)
            self.expect("a backup is made and verified", m.show(unit, "Result"), "success")
        self.expect("it is its own", m.run("stat", "-c", "%U %a", "/var/lib/triald-backup"),
                    "triald 700")
        said = m.run("trialctl", "verify", copy, "--json")
        self.expect("what was acknowledged before lies in it", json.loads(said)["size"] >= self.head,
                    True)
        m.run("sh", "-c", f'file=$(ls -S {copy}/* | head -n 1) && printf "damage" | '
              'dd of="$file" bs=1 seek=4000 conv=notrunc 2>/dev/null')
        m.run("systemctl", "start", unit, status=None)
        self.expect("damage of it fails the unit", m.show(unit, "Result"), "exit-code")
        m.run("systemctl", "start", "triald-backup.timer")
        self.expect("the timer is waiting", m.show("triald-backup.timer", "SubState"), "waiting")

    def give_a_key(self):
        m = self.machine
        m.run("trialctl", "keygen", "/srv/triald", "--no-progress")
        m.run("install", "-D", "-m", "600", "/srv/triald.key_secret",
              "/etc/credstore/triald.key_secret")
        m.run("systemctl", "restart", "triald")
        pid = int(self.service("MainPID"))
        self.expect("a key is the daemon's to read", m.run(
            "nsenter", "--target", pid, "--mount", "--setuid", m.run("id", "-u", "triald").strip(),
            "cat", "/run/credentials/triald.service/triald.key_secret"), "secret-key = ")
        self.expect("and it is told where", m.run(
            "sh", "-c", f"tr '\\0' '\\n' </proc/{pid}/environ"), "CREDENTIALS_DIRECTORY=/run/cred")
        self.check("a key")

    def listen_on_tcp(self):
        """A drop-in opens a tcp endpoint; trialctl shows the key that it made."""
        m = self.machine
        m.write("/etc/systemd/system/triald.service.d/tcp.conf",
                "[Service]\nEnvironment=TRIALD_LISTEN=ipc:///run/triald/triald.sock,"
                "tcp://127.0.0.1:7700\n")
        m.run("systemctl", "daemon-reload")
        m.run("systemctl", "restart", "triald")
        m.run("trialctl", "keygen", "/srv/reader")
        ask = ("trialctl", "status", "--endpoint", "tcp://127.0.0.1:7700", "--key",
               "/srv/reader.key_secret", "--server-key", "/srv/triald.key")
        self.expect("a key that it does not know is refused", m.run(*ask, status=7),
                    "refuses this key")
        m.run("install", "-m", "644", "/srv/reader.key", "/etc/triald/keys/")
        until("its certificate lets it in", lambda: "serving" in m.run(*ask, status=None))
        self.check("a tcp endpoint with keys")

    def certify(self, name, roles, sources=""):
        """A certificate of a local user of that name."""
        self.machine.write(f"/etc/triald/keys/{name}.key",
                           f'metadata\n    user = "{name}"\n    roles = "{roles}"\n'
                           f'    sources = "{sources}"\n')

    def give_rights(self):
        m = self.machine
        m.run("install", "-d", "/etc/triald/keys")  # empty, it changes nothing
        m.run("systemctl", "reload", "triald")
        self.certify("root", "read publish audit operate", "*")
        known = {"root": "granted"}
        if os.path.exists(BUILD / "trialboard"):
            self.certify("trialboard", "read")
            known["trialboard"] = "granted"
        m.run("systemctl", "reload", "triald")

        def rights():
            return {row["name"]: row["state"] for row in self.ask("list", "right")}

        until("rights are in use", lambda: rights() == known)
        self.check("the first certificates")
        as_nobody = ("setpriv", "--reuid", "65534", "--regid", m.run(
            "sh", "-c", "getent group triald | cut -d: -f3").strip(), "--clear-groups")
        said = m.run(*as_nobody, "trialctl", "status", status=7)
        self.expect("who has no certificate has no rights", said, "uid 65534")
        self.certify("nobody", "read")
        until("a certificate is enough", lambda: "head" in m.run(
            *as_nobody, "trialctl", "status", status=None))
        m.run("rm", "/etc/triald/keys/nobody.key")
        m.run("systemctl", "reload", "triald")
        said = m.run(*as_nobody, "trialctl", "status", status=7)
        self.expect("and is enough no longer", said, "uid 65534")
        m.run("rm", "-r", "/var/lib/triald-backup/log")  # it was damaged
        m.run("systemctl", "start", "triald-backup", status=None)
        self.expect("a backup asks for a right too", m.show("triald-backup", "Result"), "exit-code")
        self.certify("triald", "read audit")
        known.update(nobody="revoked", triald="granted")
        until("the log has all of it", lambda: rights() == known)
        m.run("systemctl", "start", "triald-backup")
        self.expect("with it it is made", m.show("triald-backup", "Result"), "success")
        self.check("rights")

    def gateway(self):
        m = self.machine
        if not os.path.exists(BUILD / "trialboard"):
            return
        m.run("systemctl", "start", "trialboard")

        def get(path):
            return m.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && "
                         f"printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3", status=None)

        until("the gateway reaches the daemon", lambda: "the daemon answers" in get("/readyz"))
        self.expect("it answers under its filters", get("/api/v1/funnel"), '"submitted":107')
        self.expect("its lines are in the journal", m.run(
            "journalctl", "--no-pager", "-u", "trialboard", "_TRANSPORT=journal"), "listening on 127")
        m.run("systemctl", "stop", "trialboard")
        self.expect("it stops when told", m.show("trialboard", "Result"), "success")

    def stop(self):
        m = self.machine
        self.writer.stop()
        m.run("systemctl", "stop", "triald.socket", "triald-feed.socket", "triald")
        self.expect("it stops when told", self.service("ActiveState", "Result"), "inactive success")
        self.expect("and nothing is left to connect to", m.run("ls", "/run/triald").strip(), "")
        m.write("/etc/systemd/system/triald.service.d/test.conf",
                "[Service]\nEnvironment=TRIALD_READERS=many\n")
        m.run("systemctl", "daemon-reload")
        m.run("systemctl", "start", "triald", status=1)
        self.expect("a bad setting is refused", m.journal("-u", "triald"), "readers is 'many'")
        self.expect("and not tried again", self.service(
            "ActiveState", "SubState", "ExecMainStatus", "NRestarts"), "failed failed 78 0")

    def give_up(self):
        """Whoever connects has the refused daemon started again, until systemd has enough of it."""
        m = self.machine
        waiting = RawPeer("ipc://" + m.path("/run/triald/triald.sock"))
        m.wait("triald.socket", "Result", "service-start-limit-hit")
        waiting.close()
        m.run("rm", "/etc/systemd/system/triald.service.d/test.conf")
        m.run("systemctl", "daemon-reload")
        m.run("systemctl", "reset-failed", "triald")  # as trial-trouble(7) says
        m.run("systemctl", "start", "triald.socket", "triald-feed.socket", "triald")
        self.expect("mended, it serves again", self.ask("status")["head"] >= self.head, True)
        self.expect("and nothing was lost by all of it", self.ask("verify")["bad"], 0)

    def damage(self):
        """A letter of an event changes on the disk: its reader is told, and the journal says where."""
        m = self.machine
        word = "Sygeplejeklinik uden for"
        event, position = next((e, i) for i, e in enumerate(harness.load(), 1) if word in str(e))
        path = pathlib.Path(m.path("/var/lib/triald/lmdb/data.mdb"))
        with open(path, "r+b") as disk:
            offset = path.read_bytes().index(word.encode())
            for letter in (b"X", b"S"):  # and back again
                disk.seek(offset)
                disk.write(letter)
                disk.flush()
                said = m.run("trialctl", "log", "--subject", event["subject"], status=None)
                self.expect(f"with {letter.decode()} the log's reader is told",
                            "restore the store" in said, letter == b"X")
        number = next(r[0] for r in catalog_rows() if "damage was found" in r[1])
        entry = json.loads(m.run("journalctl", "--no-pager", "-o", "json", f"MESSAGE_ID={number}",
                                 f"TRIALD_SUBJECT={event['subject']}"))
        self.expect("the journal has position and subject of it",
                    [entry["TRIALD_POSITION"], entry["PRIORITY"], entry["_SYSTEMD_UNIT"]],
                    [str(position), "3", "triald.service"])
        self.expect("and nothing is damaged any more", self.ask("verify")["bad"], 0)

    def run(self):
        for step in (self.prepare, self.start_by_socket, self.restart, self.kill, self.hang,
                     self.reload, self.upgrade, self.fill_the_disk,
                     self.stall_the_journal, self.back_up, self.give_a_key, self.give_rights, self.listen_on_tcp,
                     self.gateway, self.stop, self.give_up, self.damage):
            step()


def main():
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="td", dir="/tmp"))
    scratch.chmod(0o755)  # it becomes the root's
    mounts = [(harness.TESTS / "data", "/mnt/data"), (scratch, "/mnt/installed")]
    if (BUILD / "packages").is_dir():
        mounts.append((BUILD / "packages", "/mnt/packages"))
    try:
        require()
        subprocess.run(["cmake", "--install", BUILD], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "DESTDIR": str(scratch)})
        with Container(mounts) as machine:
            boot = Boot(machine, scratch)
            try:
                boot.run()
            finally:
                if boot.failed or sys.exc_info()[0]:
                    print(machine.journal("-n", "200"))
            return 1 if boot.failed else 0
    except Refused as reason:
        print(f"skipped: {reason}")
        return 77
    finally:
        harness.shutil.rmtree(scratch, ignore_errors=True)


sys.exit(main())

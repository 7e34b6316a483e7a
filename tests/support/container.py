"""A throw-away machine: this one's Debian under a systemd of its own, in a container whose disk is an
overlay in memory. Nothing that is done in it stays. Refused where no container can be made."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

LIFE_S = 300  # then it is ended, whatever holds it
BOOT_S = 60
WAIT_S = 60
CGROUPS = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")


class Refused(Exception):
    """No container can be made here."""


def require():
    """Refuse what is known to fail before anything is made."""
    if os.geteuid() != 0:
        raise Refused("a container takes root")
    for tool in ("systemd-nspawn", "nsenter", "unshare"):
        if shutil.which(tool) is None:
            raise Refused(f"there is no {tool}")


def until(what, condition, wait_s=WAIT_S):
    """Look again until the condition holds; what it gave."""
    end = time.monotonic() + wait_s
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {wait_s} s: {what}")


def children(pid):
    """Of a process, which may be gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


class Container:
    """Boots when it is made. `mounts` are pairs: what of the outside is seen where inside."""

    def __init__(self, mounts=()):
        self.name = f"triald-{os.getpid()}"
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="td", dir="/tmp"))
        self.root = self.scratch / "root"
        self.root.mkdir()
        self.process, self.leader = None, 0
        try:
            self.make_groups()
        except OSError as why:
            self.drop_groups()
            shutil.rmtree(self.scratch)
            raise Refused(f"no control group can be made here: {why}") from why
        binds = [f"--bind-ro={outside}:{inside}" for outside, inside in mounts]
        with open(self.scratch / "said", "wb") as said:
            # The root of this machine is not taken as it is, but where it is mounted once more.
            self.process = subprocess.Popen(
                ["timeout", "-k", "5", str(LIFE_S), "unshare", "--mount", "sh", "-c",
                 'mount --bind / "$0" && exec systemd-nspawn "$@"', str(self.root), "--quiet",
                 f"--directory={self.root}", "--volatile=overlay", "--register=no", "--keep-unit",
                 "--private-network", f"--machine={self.name}", "--console=pipe", *binds, "--boot",
                 "--", "--unit=basic.target"],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            self.boot()
        except BaseException:
            self.close()
            raise

    def boot(self):
        """Until its systemd has started what it starts. Nothing of ours is in it yet: where it does not
        come up, or cannot be entered, it is this machine that has no room for it."""
        try:
            self.leader = until("it boots", self.find_leader, BOOT_S)
            state = self.run("systemctl", "is-system-running", "--wait", status=None).strip()
        except AssertionError as why:
            raise Refused(f"a container does not boot here: {why}") from why
        if state not in ("running", "degraded"):
            raise Refused(f"systemd does not come up in a container here: {state or self.said()}")

    def said(self):
        """The last words of systemd-nspawn."""
        text = (self.scratch / "said").read_text(encoding="utf-8", errors="replace")
        return text.strip()[-300:]

    def make_groups(self):
        """Of its own, so that two containers can run side by side."""
        for hierarchy in CGROUPS:
            if os.access(f"{hierarchy}/cgroup.procs", os.W_OK):
                os.makedirs(f"{hierarchy}/{self.name}", exist_ok=True)
                self.enter(f"{hierarchy}/{self.name}")

    def enter(self, group):
        try:
            pathlib.Path(f"{group}/cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
        except OSError:
            pass  # it shares one then

    def drop_groups(self):
        for hierarchy in CGROUPS:
            if not os.path.isdir(f"{hierarchy}/{self.name}"):
                continue
            self.enter(hierarchy)
            for folder, _, _ in os.walk(f"{hierarchy}/{self.name}", topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass  # a process of it is still on its way out

    def find_leader(self):
        """Its process 1, once that can be asked; never one of this machine's own."""
        if self.process.poll() is not None:
            raise Refused(f"systemd-nspawn is refused here: {self.said()}")
        for nspawn in children(self.process.pid):  # what `timeout` runs
            for leader in children(nspawn):
                if os.path.exists(f"/proc/{leader}/root/run/systemd/private"):
                    return leader
        return 0

    def command(self, *words):
        assert self.leader > 1, "no process of the container's to enter"
        return ["nsenter", "--target", str(self.leader), "--all", "--", *map(str, words)]

    def run(self, *words, status=0, stdin=None):
        """Run inside to its end; its output, both kinds. `status` None: any."""
        done = subprocess.run(self.command(*words), input=stdin, stdout=subprocess.PIPE,
                              stdin=subprocess.DEVNULL if stdin is None else None,
                              stderr=subprocess.STDOUT, timeout=2 * WAIT_S, check=False, text=True)
        if status is not None and done.returncode != status:
            raise AssertionError(f"{words} ended with {done.returncode}: {done.stdout[-2000:]}")
        return done.stdout

    def path(self, inside):
        """Where a path of the inside lies for us."""
        assert self.leader > 1, "no process of the container's to enter"
        return f"/proc/{self.leader}/root{inside}"

    def write(self, inside, text):
        self.run("sh", "-c", 'mkdir -p "$(dirname "$0")" && cat >"$0"', inside, stdin=text)

    def show(self, unit, name):
        """A property of a unit."""
        return self.run("systemctl", "show", unit, "-P", name).strip()

    def wait(self, unit, name, value):
        until(f"{name} of {unit} is {value} and not {self.show(unit, name)}",
              lambda: self.show(unit, name) == value)

    def journal(self, *words):
        """What the journal has, as text."""
        return self.run("journalctl", "--no-pager", "-o", "cat", *words, status=None)

    def close(self):
        if self.leader > 1 and os.path.exists(f"/proc/{self.leader}"):
            os.kill(self.leader, signal.SIGRTMIN + 4)  # power off
        elif self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(WAIT_S)
        finally:
            self.drop_groups()
            shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

"""A disk that is small enough to be filled: a tmpfs or an ext4 of its own, mounted in a scratch
directory. Only root may mount; elsewhere the tests that stand on this are skipped with the reason.
"""
import errno
import os
import shutil
import subprocess
import sys

from faulty import harness

KINDS = ("tmpfs", "ext4")
SIZE_MIB = 64  # both files of the journal and some room for the tables


def run(*command):
    """Run a tool; what it said where it failed, else None."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as fault:
        return f"{command[0]}: {fault.strerror}"
    return None if done.returncode == 0 else f"{command[0]}: {done.stderr.strip()}"


class Disk:
    """A file system of SIZE_MIB. fill() takes what room there is, release() gives it back."""

    def __init__(self, scratch, kind):
        self.path = scratch / f"disk-{kind}"
        self.image = scratch / f"image-{kind}"
        self.ballast = os.path.join(self.path, "ballast")
        self.store = os.path.join(self.path, "store")
        self.fault = self.mount(kind)

    def mount(self, kind):
        os.mkdir(self.path, 0o700)
        if kind == "tmpfs":
            return run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=700", "none",
                       self.path)
        with open(self.image, "wb") as image:
            image.truncate(SIZE_MIB << 20)
        return (run("mkfs.ext4", "-q", "-F", "-m", "0", self.image) or
                run("mount", "-o", "loop", self.image, self.path))

    def fill(self, leave=0):
        """Write until nothing more is taken, then give `leave` bytes back."""
        size = 1 << 20
        with open(self.ballast, "ab", buffering=0) as file:
            while size >= 512:
                try:
                    if file.write(b"\xff" * size) < size:
                        size //= 2
                except OSError as fault:
                    if fault.errno != errno.ENOSPC:
                        raise
                    size //= 2
            os.fsync(file.fileno())
            file.truncate(max(file.tell() - leave, 0))

    def take(self, leave):
        """Take the room there is but for `leave` bytes, and never more."""
        with open(self.ballast, "wb") as file:
            while (wanted := self.free() - leave) > 0:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, wanted)
                except OSError as fault:  # somebody else took some of it meanwhile
                    if fault.errno != errno.ENOSPC:
                        raise

    def release(self):
        if os.path.exists(self.ballast):
            os.unlink(self.ballast)

    def free(self):
        facts = os.statvfs(self.path)
        return facts.f_bavail * facts.f_frsize

    def clear(self):
        """Room again, and no store."""
        self.release()
        shutil.rmtree(self.store, ignore_errors=True)

    def close(self):
        if self.fault is None:
            self.fault = run("umount", self.path) or "not mounted any more"


def disks(scratch):
    """A disk of each kind; the process ends here, skipped, where none can be mounted."""
    made = {}
    for kind in KINDS:
        disk = Disk(scratch, kind)
        if disk.fault is None:
            made[kind] = disk
        else:
            print(f"skipped: no {kind} of a test's own: {disk.fault}", flush=True)
    if not made:
        scratch.remove()
        sys.exit(77)
    return made


def wait_for_status(daemon, words, without=None):
    """Wait until a status line has these words, and not some others. Older lines are forgotten."""
    told = daemon.notifications
    while True:
        for line in told.drain():
            if line.startswith("STATUS=") and words in line and (not without or
                                                                 without not in line):
                told.messages.clear()
                return
        told.messages.clear()
        if not told.wait_for("STATUS=", daemon.pidfd):
            raise AssertionError(f"no status line says '{words}': {daemon.stderr()}")


__all__ = ["Disk", "disks", "harness", "wait_for_status"]

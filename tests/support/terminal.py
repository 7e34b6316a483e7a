"""A program on a terminal of its own, and what a person sees there. Needs python3-pyte."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import harness

try:
    import pyte
except ImportError:
    pyte = None


class Terminal:
    """A trialctl on a terminal, and what a person sees there."""

    def __init__(self, daemon, verb, *arguments, rows=40, columns=120, environment=None):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (rows, columns))
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        settings = {"TRIALD_ENDPOINT": daemon.endpoint, "TERM": "linux",  # the one that pyte is
                    "LC_ALL": "C.UTF-8", **(environment or {})}
        self.process = subprocess.Popen(
            [harness.program("TRIALCTL", "trialctl"), verb, *arguments], stdin=theirs,
            stdout=theirs, stderr=subprocess.PIPE, env=harness.clean_environment(settings),
            start_new_session=True)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(harness.WAIT_S)
        self.process.stderr.close()
        os.close(self.ours)
        os.close(self.theirs)

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def line(self, word):
        """The first line that has the word."""
        return next((line.rstrip() for line in self.screen.display if word in line), "")

    def event(self, position):
        """The line of an event; "" where it is out of sight."""
        begin = re.compile(rf" *{position}  \d{{4}}-")
        return next((line.rstrip() for line in self.screen.display if begin.match(line)), "")

    def until(self, is_there, what):
        """Look at the screen until it shows what is wanted."""
        until = time.monotonic() + harness.WAIT_S
        while not is_there():
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.ours], [], [], left)[0]:
                raise AssertionError(f"{what} is not on the screen:\n{self.text()}")
            more = os.read(self.ours, 65536)
            self.raw += more
            self.stream.feed(more)

    def shows(self, *words):
        self.until(lambda: all(word in self.text() for word in words), words)

    def sees(self, look, wanted):
        """A picture comes in pieces: look until it is whole, and hold it against what is wanted."""
        self.until(lambda: look() == wanted, f"{wanted}")

    def press(self, keys):
        os.write(self.ours, keys)

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self.screen.reset()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def end(self):
        """Its status, after everything it still wrote was seen."""
        status = self.process.wait(harness.WAIT_S)
        while select.select([self.ours], [], [], 0)[0]:
            self.raw += os.read(self.ours, 65536)
        return status

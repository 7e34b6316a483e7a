#!/usr/bin/python3
"""On a terminal trialctl shows colour, bars and progress; in a pipe, or when told not to, it shows
none of it; and what it says is the same."""
import os
import pty
import re
import subprocess
import termios

import harness
from small_world import World

SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal(harness.DaemonCase):
    def setUp(self):
        super().setUp()
        self.world = World()

    def on_terminal(self, *arguments, environment=None, status=0, columns=100):
        """Both outputs of a trialctl whose stdout and stderr are one terminal."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, columns))
        settings = {"TRIALD_ENDPOINT": self.daemon.endpoint, "TERM": "xterm-256color",
                    "LC_ALL": "C.UTF-8", **(environment or {})}
        process = subprocess.Popen([harness.program("TRIALCTL", "trialctl"), *arguments],
                                   stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                                   env=harness.clean_environment(settings))
        os.close(theirs)
        shown = b""
        while True:
            try:
                more = os.read(ours, 65536)
            except OSError:  # the other end was closed
                break
            if not more:
                break
            shown += more
        os.close(ours)
        self.assertEqual(process.wait(harness.WAIT_S), status, shown)
        return shown

    def test_the_funnel_has_bars(self):
        self.peer.append(self.world.foundation() + self.world.trial("assessed"))
        shown = SEQUENCE.sub(b"", self.on_terminal("funnel", "w1")).decode("utf-8")
        self.assertRegex(shown, r"submitted.*[█▇▆▅▄▃▂▁▌#=*]")
        piped = self.daemon.ctl("funnel", "w1").out
        for word in ("submitted", "approved", "assessed"):
            self.assertIn(word, piped)
            self.assertIn(word, shown)

    def test_an_import_shows_progress_only_on_a_terminal_and_only_if_wanted(self):
        shown = self.on_terminal("import", str(harness.DATA))
        self.assertIn(b"\r", shown.replace(b"\r\n", b"\n"))
        self.assertIn(b'"appended":1866', shown)
        quiet = self.on_terminal("import", str(harness.DATA), "--no-progress")
        self.assertNotIn(b"\r", quiet.replace(b"\r\n", b"\n"))
        self.assertIn(b'"duplicates":1866', quiet)
        self.assertEqual(self.daemon.ctl("import", harness.DATA).err, "")

    def test_work_on_the_whole_log_shows_progress_only_on_a_terminal(self):
        self.daemon.import_file()
        self.daemon.import_events(World("many").activities(3000))
        copy = self.daemon.scratch / "copy"
        shown = self.on_terminal("backup", copy)
        self.assertRegex(shown, rb"\rbackup|backup.*\r")
        self.assertIn(b"4866 new", shown)
        for arguments in (["backup", copy], ["verify"], ["verify", copy], ["rebuild"]):
            self.assertEqual(self.daemon.ctl(*arguments).err, "")
            self.assertNotIn(b"\r", self.on_terminal(*arguments, "--no-progress").replace(
                b"\r\n", b""))

    def test_status_is_green_where_all_is_well(self):
        self.assertIn(b"\x1b[32mserving\x1b[0m", self.on_terminal("status"))
        self.assertIn("state    serving\n", self.daemon.ctl("status").out)

    def test_a_terminal_that_only_writes_lines_is_given_lines(self):
        self.peer.append(self.world.foundation() + self.world.trial("assessed"))
        for name in ("dumb", ""):
            for words in (("status",), ("funnel", "w1"), ("verify",)):
                shown = self.on_terminal(*words, environment={"TERM": name})
                self.assertNotIn(b"\x1b", shown)
                self.assertNotIn(b"\r", shown.replace(b"\r\n", b""))
            for verb in ("top", "watch"):
                shown = self.on_terminal(verb, environment={"TERM": name}, status=1)
                self.assertIn(f"the terminal '{name}' cannot be drawn on".encode(), shown)

    def test_a_table_is_cut_to_the_terminal_and_says_so(self):
        self.daemon.import_file()

        def lines(*words, **options):
            shown = self.on_terminal("list", *words, **options)
            return shown.replace(b"\r", b"").decode("utf-8").splitlines()

        piped = self.daemon.ctl("list", "trial").out.splitlines()
        self.assertGreater(max(map(len, piped)), 100)
        self.assertEqual(len(piped), 108)
        for columns in (100, 110):
            shown = lines("trial", columns=columns)
            self.assertEqual(max(map(len, shown)), columns)
            # The title is the last column, and the only one that is wide.
            self.assertEqual(shown, [whole if len(whole) <= columns else whole[:columns - 1] + "…"
                                     for whole in piped])
            self.assertTrue(any("…" in line for line in shown))
        self.assertEqual(lines("trial", environment={"COLUMNS": "300"}), piped)
        for columns in (80, 160):
            bars = self.on_terminal("funnel", "ff2", columns=columns)
            bars = SEQUENCE.sub(b"", bars).replace(b"\r", b"").decode("utf-8").splitlines()
            self.assertLessEqual(max(len(line) for line in bars if "(" not in line), columns)
            self.assertEqual(bars[1].count("█"), columns // 4)
        # Of a wide cell something is shown however narrow the terminal is, of the others all.
        for line, whole in zip(lines("network", columns=40)[1:],
                               self.daemon.ctl("list", "network").out.splitlines()[1:]):
            self.assertEqual(line.split()[:2], whole.split()[:2])
            self.assertEqual(line.split()[-5:], whole.split()[-5:])
            self.assertRegex(line, r"\w{3}")

    def test_json_has_no_colour_even_on_a_terminal(self):
        self.peer.append(self.world.foundation() + self.world.trial("assessed"))
        for arguments in (["list", "trial"], ["funnel", "w1"], ["log"], ["status"]):
            shown = self.on_terminal(*arguments, "--json", "--no-progress")
            self.assertNotIn(b"\x1b", shown, arguments)

    def test_what_events_say_cannot_steer_the_terminal(self):
        """Fields may hold any text; an escape in it is shown as a sign and not obeyed."""
        evil = "a\x1b[31mred\x1b]0;title\x07\x9b1m\x7fz\nline"
        self.peer.append(self.world.foundation() + self.world.trial("approved"))
        told = self.world.activity(note=evil, list=[evil], map={"deep": evil, evil: [{evil: evil}]})
        told["data"][evil] = 5
        for event in (told, self.world.activity()):
            try:
                self.peer.append(event)
            except harness.WireError as error:
                self.assertEqual(error.code, "invalid")
                del event["data"][evil], event["data"]["map"][evil]
                self.peer.append(event)
        for arguments in (["log"], ["history", "case/w1-c1"], ["list", "trial"]):
            self.is_tame(self.on_terminal(*arguments))
        self.assertIn("red", self.daemon.ctl("history", "case/w1-c1").out)
        self.assertEqual(self.daemon.log("--type", "activity.")[0]["data"], told["data"])

    def is_tame(self, shown):
        text = shown.replace(b"\r\n", b"\n")
        for bad in (b"\x1b[31m", b"\x1b]0;", b"\x07", b"\xc2\x9b", b"\x7f", b"\nline"):
            self.assertNotIn(bad, text)

    def test_what_is_refused_cannot_steer_the_terminal(self):
        path = self.daemon.scratch / "evil"
        with open(path, "w", encoding="utf-8") as out:
            out.write("\x1b[31m nonsense\x07\n")
            out.write('{"id":"a","\\u001b[31m":"x","source":"\\u001b[31m","data":{}}\n')
        result = self.daemon.ctl("import", path, status=3)
        self.is_tame(result.err.encode("utf-8"))


if __name__ == "__main__":
    harness.main()

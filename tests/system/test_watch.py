#!/usr/bin/python3
"""`trialctl watch` on a terminal is a screen: what it shows is what the views say, it follows the
log by itself, outlives its daemon, and leaves the terminal as it was."""
import signal
import termios
import unittest

import harness
from small_world import World
from terminal import Terminal, pyte

LEAVE = "\x1b[?1049l"


def counts(row):
    """What the line of a network ends with, as its row has it."""
    return [str(row[name]) for name in ("submitted", "approved", "completed", "evaluated")]


def numbers(watch, word):
    """The same as the screen has it."""
    return watch.line(word).split()[-4:]


def themed(name, theme):
    """The first events of a small world whose network has that theme."""
    events = World(name).foundation()
    for event in events:
        if event["type"].startswith("network.app"):
            event["data"]["theme"] = theme
    return events


def step(watch, name):
    """The number beside a step of the funnel."""
    words = watch.line(f"{name} ").split()
    return int(words[1]) if len(words) > 1 and words[0] == name else None


@unittest.skipIf(pyte is None, "python3-pyte, which says what a person sees, is not installed")
class WatchScreen(harness.DaemonCase):
    def watch(self, *arguments, **options):
        watch = Terminal(self.daemon, "watch", *arguments, **options)
        self.addCleanup(watch.close)
        return watch

    def test_it_shows_what_the_views_say(self):
        self.daemon.import_file()
        watch = self.watch()
        watch.shows("position 1866", "live", "Funnel ff2", "Networks")
        funnel = self.daemon.ask("funnel", "ff2")
        for name in ("submitted", "withdrawn", "rejected", "endorsed", "approved", "started",
                     "abandoned", "lapsed", "completed", "evaluated", "assessed"):
            watch.sees(lambda name=name: step(watch, name), funnel[name])
        networks = self.daemon.ask("list", "network", "programme=ff2")
        for row in networks[:3]:
            short = row["subject"].split("/")[1]
            watch.sees(lambda short=short: numbers(watch, f"{short} "), counts(row))
        due = self.daemon.ask("due")
        late = sum(r["state"] == "overdue" and r["programme"] == "ff2" for r in due)
        watch.shows(f"Overdue {late},")
        newest = self.daemon.log("--from", "1866")[0]
        watch.until(lambda: newest["type"] in watch.event(1866), newest["type"])

    def test_what_comes_is_seen_without_a_key(self):
        self.peer.append(self.world.foundation() + self.world.trial("approved"))
        watch = self.watch()
        watch.shows("Funnel w1", "live")
        watch.sees(lambda: step(watch, "approved"), 1)
        self.peer.append(self.world.trial("submitted", 2))
        watch.until(lambda: step(watch, "submitted") == 2, "a second trial")
        head = self.daemon.ask("status")["head"]
        watch.until(lambda: watch.event(head) and f"position {head}" in watch.text(), "it")

    def test_the_daemon_may_go_and_come_back(self):
        self.peer.append(self.world.foundation())
        watch = self.watch()
        watch.shows("live", "Funnel w1")
        self.peer.close()
        self.daemon.kill()
        watch.shows("waiting")
        self.daemon.start()
        self.peer = self.daemon.peer()
        self.addCleanup(self.peer.close)
        self.peer.append(self.world.trial("submitted", 2))
        watch.until(lambda: step(watch, "submitted") == 1 and "live" in watch.text(), "the trial")
        position = self.daemon.ask("status")["head"]
        watch.until(lambda: watch.event(position), "its event")

    def test_only_what_was_asked_for(self):
        self.peer.append(self.world.foundation() + self.world.trial("approved"))
        watch = self.watch("--type", "activity.")
        watch.shows("live", "none yet")
        self.peer.append([self.world.activity(), self.world.round_opened(7)])
        watch.shows("activity.completed")
        self.assertNotIn("round.opened", watch.text())

    def test_keys(self):
        self.daemon.import_file()
        watch = self.watch()
        watch.until(lambda: watch.event(1866) and "Funnel ff2" in watch.text(), "the newest")
        watch.press(b"\x1b[B")
        watch.shows("newer above")
        watch.sees(lambda: watch.event(1866), "")
        watch.press(b"\x1b[1~")
        watch.until(lambda: watch.event(1866) != "", "the newest again")
        self.peer.append(World("w2").foundation())
        watch.shows("one of 2 programmes")
        watch.press(b"p")
        watch.shows("Funnel w2")
        watch.press(b"p")
        watch.shows("Funnel ff2")
        watch.press(b"q")
        self.assertEqual(watch.end(), 0)

    def test_windows_of_any_size(self):
        self.daemon.import_file()
        watch = self.watch(rows=24, columns=80)
        watch.shows("Funnel ff2", "Overdue", "Events", "live")
        for rows, columns in ((12, 40), (60, 200), (10, 41), (30, 75), (30, 76)):
            watch.resize(rows, columns)
            watch.shows("Funnel ff2", "Events")
        watch.resize(5, 20)
        watch.shows("make the window")
        watch.resize(24, 80)
        watch.shows("Funnel ff2", "Events")
        watch.press(b"q")
        self.assertEqual(watch.end(), 0)

    def test_letters_of_any_width_line_up(self):
        self.peer.append(themed("w3", "Ældre på 日本 Århus"))
        watch = self.watch()
        watch.shows("Ældre på", "live")
        row = self.daemon.ask("list", "network")[0]
        watch.sees(lambda: numbers(watch, "Ældre"), counts(row))

    def test_the_terminal_is_left_as_it_was(self):
        for end in (lambda w: w.press(b"q"), lambda w: w.process.send_signal(signal.SIGINT),
                    lambda w: w.process.send_signal(signal.SIGTERM)):
            watch = self.watch(environment={"TERM": "xterm-256color"})
            watch.shows("live")
            end(watch)
            self.assertIn(watch.end(), (0, 130, 143))
            self.assertIn(LEAVE.encode(), watch.raw)
            self.assertEqual(termios.tcgetattr(watch.theirs), watch.before)

    def test_no_colour_where_none_is_wanted(self):
        self.peer.append(self.world.foundation())
        watch = self.watch(environment={"NO_COLOR": "1"})
        watch.shows("live", "Funnel w1")
        self.assertTrue(all(cell.fg == "default" and cell.bg == "default"
                            for row in watch.screen.buffer.values() for cell in row.values()))

    def test_what_events_say_cannot_steer_the_terminal(self):
        try:
            self.peer.append(themed("w4", "a\u0085b\u009b31mred"))
        except harness.WireError as error:
            self.assertEqual(error.code, "invalid")
            return
        watch = self.watch()
        watch.shows("live", "Funnel w4")
        self.assertNotIn("\u009b".encode(), watch.raw)

    def test_a_terminal_that_cannot_be_drawn_on(self):
        watch = self.watch(environment={"TERM": "dumb-as-a-post"})
        self.assertEqual(watch.end(), 1)
        self.assertIn("TERM", watch.process.stderr.read().decode())

    def setUp(self):
        super().setUp()
        self.world = World()


if __name__ == "__main__":
    harness.main()

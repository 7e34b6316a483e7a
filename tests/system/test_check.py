#!/usr/bin/python3
"""trialctl check, as a monitor runs it: one line, figures behind a bar, the exit status of a
plugin."""
import re

import harness
from small_world import World

LINE = re.compile(r"^(OK|WARNING|CRITICAL|UNKNOWN) - ([^|\n]+) \|((?: [a-z_]+=[^ ;]+(?:;[^; ]*){3})+)\n$")
FIGURE = re.compile(r"([a-z_]+)=([0-9.]+)([a-z%]*|B);([^;]*);([^;]*);([^; ]*)")
OK, WARNING, CRITICAL, UNKNOWN = range(4)
EASY = ("--flush", "1h,1h", "--free", "0,0")  # however slow and full the machine is


class Check(harness.DaemonCase):
    arguments = ("--commit-ms", "60000")

    def check(self, *arguments, status, easy=EASY):
        result = self.daemon.ctl("check", *easy, *arguments, status=status)
        self.assertEqual(result.err, "")
        line = LINE.match(result.out)
        self.assertTrue(line, result.out)
        self.assertEqual(line[1], ("OK", "WARNING", "CRITICAL", "UNKNOWN")[status])
        figures = {f[0]: f[1:] for f in FIGURE.findall(line[3])}
        self.assertEqual(set(figures), {"flush", "lag", "consumer_lag", "free", "conditions"})
        return line[2], figures

    def test_all_is_well(self):
        text, figures = self.check(status=OK)
        self.assertIn("views 0 events behind", text)
        self.assertEqual(figures["flush"][1:], ("s", "3600", "3600", "0"))
        self.assertEqual(figures["free"][1:], ("B", "0:", "0:", "0"))
        self.assertRegex(figures["free"][0], "^[0-9]+$")
        self.assertEqual(figures["conditions"][0], "0")

    def test_views_that_lack_events(self):
        self.peer.append(World().activities(5))
        text, figures = self.check("--lag", "4,5", status=WARNING)
        self.assertTrue(text.startswith("views 5 events behind; "), text)
        self.assertEqual(figures["lag"], ("5", "", "4", "5", "0"))
        self.check("--lag", "3,4", status=CRITICAL)
        self.check("--lag", "5,6", status=OK)
        self.peer.call("verify")  # which waits for the commit
        self.check("--lag", "0,0", status=OK)

    def test_a_consumer_that_does_not_acknowledge(self):
        self.peer.call("subscribe", name="worker", **{"from": 1})
        self.peer.append(World().activities(3))
        text, _ = self.check("--consumer-lag", "2,9", status=WARNING)
        self.assertTrue(text.startswith("consumers 3 events behind"), text)
        self.check("--consumer-lag", "1,2", status=CRITICAL)

    def test_flush_time_and_space(self):
        self.peer.append(World().activity())
        text, figures = self.check("--flush", "0ms,1h", status=WARNING)
        self.assertRegex(text, r"^slowest flush [0-9]+\.[0-9] ms;")
        self.assertGreater(float(figures["flush"][0]), 0)
        self.check("--flush", "0,0", status=CRITICAL)
        self.check("--free", "900T,0", status=WARNING)
        text, _ = self.check("--free", "900T,900T", "--flush", "0ms,1h", status=CRITICAL)
        self.assertRegex(text, r"^slowest flush .* ms, [0-9]+ MiB free; views")

    def test_json(self):
        self.peer.append(World().activities(2))
        document = self.daemon.ask("check", *EASY, "--lag", "1,9", status=WARNING)
        self.assertEqual(set(document), {"state", "text", "figures", "conditions"})
        self.assertEqual(document["state"], "WARNING")
        self.assertEqual(document["figures"]["lag"],
                         {"value": 2, "warning": 1, "critical": 9, "state": "WARNING"})
        self.assertEqual(document["conditions"], [])

    def test_no_daemon_is_critical(self):
        self.peer.close()
        self.daemon.stop()
        result = self.daemon.ctl("check", status=CRITICAL, timeout="200ms")
        self.assertRegex(result.out, r"^CRITICAL - .*\n$")
        self.assertNotIn("|", result.out)
        self.assertEqual(result.err, "")
        document = self.daemon.ask("check", status=CRITICAL, timeout="200ms")
        self.assertEqual(document["state"], "CRITICAL")
        self.daemon.start()

    def test_thresholds_that_are_none_are_unknown(self):
        for flag, value in (("--flush", "fast,slow"), ("--flush", "1s"), ("--flush", "2s,1s"),
                            ("--lag", "-1,2"), ("--lag", "1,"), ("--free", "1G,2G"),
                            ("--free", "1X,1X"), ("--free", "nan,0"), ("--free", "1e30,0"), ("--conditions", "error"),
                            ("--conditions", "error,warning"), ("--conditions", "bad,never")):
            result = self.daemon.ctl("check", flag, value, status=UNKNOWN)
            self.assertTrue(result.out.startswith(f"UNKNOWN - {flag} '{value}' is no pair "), result)
            self.assertEqual(len(result.out.splitlines()), 1)

    def test_help_says_what_its_status_means(self):
        self.assertIn("0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN",
                      " ".join(self.daemon.ctl("check", "--help").out.split()))


class Conditions(harness.DaemonCase):
    arguments = ("--reserve-bytes", "1T")  # more than there is: low-space

    def test_a_condition_is_as_grave_as_its_row_says(self):
        def check(*arguments, status):
            return self.daemon.ctl("check", *EASY, *arguments, status=status).out

        self.assertTrue(check(status=CRITICAL).startswith(
            "CRITICAL - the disk is nearly full: appends are refused with no-space, reads go on; "))
        self.assertTrue(check("--conditions", "error,never", status=WARNING).endswith(
            " conditions=1;;;0\n"))
        self.assertIn(", slowest flush", check("--conditions", "never,never", status=OK))
        self.assertEqual(self.daemon.ask("check", *EASY, status=CRITICAL)["conditions"],
                         ["low-space"])


if __name__ == "__main__":
    harness.main()

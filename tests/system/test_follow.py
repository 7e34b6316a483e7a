#!/usr/bin/python3
"""What follows the log by libtrial misses nothing and repeats nothing: while it is stopped and
continued, while 16 publishers write, and while the daemon under it is killed.

TRIAL_ROUNDS says how often the follower is stopped (8 otherwise); a round writes 16 x 25 events.
"""
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import threading

import harness
from small_world import World

PUBLISHERS = 16
EVENTS = 25  # of one publisher in one round, in requests of 5
ROUNDS = int(os.environ.get("TRIAL_ROUNDS", "8"))
WORKER = harness.program("TRIAL_WORKER", "tests/worker")
FOLLOWER = harness.program("TRIAL_FOLLOWER", "tests/follower")


class Lines:
    """A running program and the lines of its stdout, taken by a thread of ours."""

    def __init__(self, arguments, daemon):
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=harness.clean_environment({"TRIALD_ENDPOINT": daemon.endpoint}))
        self.lines, self.errors = [], []
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=self.take, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.lines),
                                     (self.process.stderr, self.errors))]
        for thread in self.threads:
            thread.start()

    def take(self, stream, into):
        for line in stream:
            with self.changed:
                into.append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait(self, enough, what):
        with self.changed:
            if not self.changed.wait_for(enough, harness.WAIT_S):
                raise AssertionError(f"{what}: {len(self.lines)} lines, stderr {self.errors[-3:]}")

    def wait_for(self, count):
        self.wait(lambda: len(self.lines) >= count, f"waiting for line {count}")

    def stop(self):
        """Stop it, and see that it has stopped: what is not read any more is certain then."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()


def digest(lines):
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class Follow(harness.DaemonCase):
    def run_lines(self, *arguments):
        lines = Lines(arguments, self.daemon)
        self.addCleanup(lines.end)
        return lines

    def in_the_log(self):
        return [f"{e['position']} {e['id']}" for e in self.peer.read_all()]

    def publish(self, number, seed):
        """One publisher of one round."""
        world = World()
        chance = random.Random(seed)
        with self.daemon.peer() as peer:
            for start in range(0, EVENTS, 5):
                peer.append([world.activity(f"p{number}", text="x" * chance.randrange(400))
                             | {"id": f"{number}-{seed}-{start + k}"} for k in range(5)])

    def test_stopped_and_continued_at_random_it_saw_what_is_in_the_log(self):
        chance = random.Random(harness.seed())
        follower = self.run_lines(FOLLOWER)
        for number in range(1, ROUNDS + 1):
            writers = [threading.Thread(target=self.publish,
                                        args=(k, chance.randrange(1 << 60)))
                       for k in range(PUBLISHERS)]
            for writer in writers:
                writer.start()
            for _ in range(chance.randrange(1, 4)):
                follower.wait_for((number - 1) * PUBLISHERS * EVENTS
                                  + chance.randrange(PUBLISHERS * EVENTS))
                follower.stop()
                writers[chance.randrange(PUBLISHERS)].join()
                follower.go_on()
            for writer in writers:
                writer.join()
            follower.wait_for(number * PUBLISHERS * EVENTS)
            self.assertEqual(digest(follower.lines), digest(self.in_the_log()), f"round {number}")
        self.assertEqual(follower.errors, [])

    def test_the_daemon_is_killed_under_it(self):
        follower = self.run_lines(FOLLOWER)
        for number in range(1, 6):
            self.publish(0, number)
            if number % 2 == 0:
                follower.wait_for((number - 1) * EVENTS)
            self.daemon.kill()
            self.daemon.start()
            self.peer.close()
            self.peer = self.daemon.peer()
        follower.wait_for(5 * EVENTS)
        self.assertEqual(follower.lines, self.in_the_log())

    def follows(self, *verb):
        """trialctl says once that the daemon is gone and once that it is back, and no more."""
        self.publish(0, 1)
        lines = self.run_lines(harness.program("TRIALCTL", "trialctl"), *verb, "--json")
        if verb[0] == "watch":
            first = EVENTS + 1
            while not lines.lines:  # only what comes once it watches is owed
                self.peer.append(World().activity() | {"id": f"probe-{first}"})
                first += 1
            first = json.loads(lines.lines[0])["position"]
        else:
            lines.wait_for(EVENTS)
            first = 1
        self.daemon.kill()
        lines.wait(lambda: len(lines.errors) == 1, "being told that the daemon is gone")
        self.daemon.start()
        with self.daemon.peer() as peer:
            peer.append([World().activity() | {"id": f"after-{k}"} for k in range(20)])
            log = [e for e in peer.read_all() if e["position"] >= first]
        lines.wait_for(len(log))
        lines.wait(lambda: len(lines.errors) == 2, "being told that the daemon is back")
        self.assertEqual([json.loads(line) for line in lines.lines], log)
        self.assertRegex(lines.errors[0], r"^trialctl: the daemon is gone; waiting for it at")
        self.assertEqual(lines.errors[1], "trialctl: the daemon is back")

    def test_log_follow_outlives_its_daemon(self):
        self.follows("log", "--follow")

    def test_watch_outlives_its_daemon(self):
        self.follows("watch")

    def position(self):
        """How far the worker's subscription is; 0 where it was not made yet."""
        with self.daemon.peer() as peer:
            rows = peer.call("subscriptions")["subscriptions"]
        return rows[0]["position"] if rows else 0

    def wait_for_position(self, position):
        with self.daemon.peer() as peer:
            while peer.call("subscriptions")["subscriptions"][0]["position"] < position:
                pass

    def test_worker_and_daemon_are_killed_and_every_event_is_worked_off(self):
        chance = random.Random(harness.seed())
        seen, head = [], 0
        for number in range(1, ROUNDS + 1):
            known = self.position()
            worker = self.run_lines(WORKER, "w")
            self.publish(0, number)
            head += EVENTS
            reach = known + chance.randrange(1, head - known + 1)
            worker.wait(lambda r=reach: worker.lines and int(worker.lines[-1]) >= r, "some")
            if number % 2 == 0:
                self.daemon.kill()
                self.daemon.start()
            worker.wait(lambda: int(worker.lines[-1]) == head, "all of the round")
            worker.end()
            # From the last ack on, of which the newest may have come in after we asked.
            self.assertGreater(int(worker.lines[0]), known)
            self.assertLessEqual(int(worker.lines[0]), head - EVENTS + 1)
            seen += [int(line) for line in worker.lines]
        self.assertEqual(set(seen), set(range(1, head + 1)))
        self.assertEqual(self.in_the_log()[-1].split()[0], str(head))

    def test_poison_is_parked_and_replayed(self):
        worker = self.run_lines(WORKER, "w")
        events = [World().activity() | {"id": f"{'poison' if k % 4 == 2 else 'good'}-{k}"}
                  for k in range(1, 13)]
        self.peer.append(events)
        good = [str(k) for k in range(1, 13) if k % 4 != 2]
        worker.wait_for(len(good))
        self.assertEqual(worker.lines, good)
        self.wait_for_position(12)
        parked = self.daemon.ask("list", "parked", "name=w")
        self.assertEqual([(p["position"], p["reason"]) for p in parked],
                         [(k, "it is poison") for k in (2, 6, 10)])
        self.daemon.ctl("replay", "w", "--yes")
        worker.wait_for(12)
        self.assertEqual(worker.lines[9:], ["2", "6", "10"])
        while self.daemon.ask("list", "parked", "name=w"):
            pass
        self.assertEqual(worker.errors, [])

    def test_a_second_worker_is_refused_and_the_first_goes_on(self):
        first = self.run_lines(WORKER, "w")
        self.publish(0, 1)
        first.wait_for(EVENTS)
        second = self.run_lines(WORKER, "w")
        second.process.wait(harness.WAIT_S)
        second.wait(lambda: second.errors, "being refused")
        self.assertRegex(second.errors[0], "'w' is consumed by 'libtrial' since 20")
        self.publish(0, 2)
        first.wait_for(2 * EVENTS)
        with self.daemon.peer() as peer:
            peer.call("subscribe", name="w", takeover=True)
            first.process.wait(harness.WAIT_S)
        first.wait(lambda: first.errors, "being told of the other")
        self.assertIn("another consumer took over", first.errors[0])

    def test_filters_are_kept_over_a_restart(self):
        lines = self.run_lines(harness.program("TRIALCTL", "trialctl"), "log", "--follow",
                               "--type", "trial.", "--json")
        world = World()
        events = world.foundation() + world.trial("assessed")
        self.peer.append(events[:len(events) // 2])
        self.daemon.kill()
        self.daemon.start()
        with self.daemon.peer() as peer:
            peer.append(events[len(events) // 2:])
        wanted = [e["id"] for e in events if e["type"].startswith("trial.")]
        lines.wait_for(len(wanted))
        self.assertEqual([json.loads(line)["id"] for line in lines.lines], wanted)

    def test_another_log_is_not_followed(self):
        self.publish(0, 1)
        follower = self.run_lines(FOLLOWER)
        follower.wait_for(EVENTS)
        self.daemon.kill()
        self.daemon.store = self.daemon.scratch / "another"
        self.daemon.start()
        follower.process.wait(harness.WAIT_S)
        follower.wait(lambda: follower.errors, "being told why")
        self.assertIn("has another log now", follower.errors[0])

    def test_the_readme_shows_the_program_that_is_tested(self):
        readme = pathlib.Path(harness.TESTS.parent / "README.md").read_text(encoding="utf-8")
        source = (harness.TESTS / "support" / "follower.c").read_text(encoding="utf-8")
        self.assertIn(source, readme)
        self.assertLess(len(source.splitlines()), 30)


if __name__ == "__main__":
    harness.main()

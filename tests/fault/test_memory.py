#!/usr/bin/python3
"""Every allocation fails, one after the other: the kth of a start and the kth of a round of all
requests, in the real daemon, and the kth of each verb of trialctl. A program that finds no memory
goes on, answers with an error or leaves with a sentence. It neither hangs nor dies without a word;
what was acknowledged is kept; and what it calls done is what it would have done anyway.

libzmq, and what it stands on, end the process by themselves where they find no memory: a crash,
which loses nothing. Whoever asked for the memory is known, so that ours is told from theirs.

TRIAL_ROUNDS=1 tries every allocation; without it one of some, from a place that TRIAL_SEED names."""
import json
import os
import random
import re
import shutil

from faulty import ROUNDS, FaultCase, Gone, LastWords, harness, library

import oracle
from small_world import World

K_MAX = 20000
STEPS = (1, 1, 1) if ROUNDS else (200, 20, 100)  # of a start, of requests, of a verb
LIVES_OF_A_STORE = 25  # what is asked costs the more allocations the longer the log is
LEFT_S = 20  # a daemon that was told to leave has left

# What is printed is the same each time; a second daemon is never asked.
VERBS = (
    ("publish", "--source", "/dk/presse/avis", "--type", "activity.completed", "--subject",
     "case/w-new", "--id", "one", "--time", "2020-01-01T00:00:00Z", "activity=noted", "--dry-run"),
    ("import", "FILE"), ("log", "--json"), ("history", "trial/w-001"), ("show", "trial/w-001"),
    ("list", "trial", "--json"), ("list", "outcome"), ("funnel", "w"), ("due", "--as-of", "2018-01-01"),
    ("export", "--format", "csv"), ("export", "--format", "xes"), ("export", "--format", "ocel"),
    ("verify",), ("rebuild",), ("backup", "DIR"), ("events", "trial.approved"))

# Libraries that end the process themselves where they find no memory: libzmq by its assertions, and
# what it stands on.
ENDING = re.compile(r"/(libzmq|libstdc\+\+|libpgm|libc|ld-linux)[-.\w]* ")
SENTENCE = re.compile(r"^(triald|trialctl|\S+:\d+): \S+.* \S+", re.M)  # verify is done by triald


def letters(text):
    """The words of a table. Where libsmartcols finds no memory it escapes letters that it cannot
    measure, and may lose a heading; what stands in the rows it does not lose."""
    text = re.sub(r"\b[A-Z]{3,}\b", "", text)
    return re.sub(r"(\\x[0-9a-f]{2})+", lambda m: bytes.fromhex(m[0].replace("\\x", "")).decode(),
                  text).split()


class Memory(FaultCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(harness.seed())
        self.store = self.scratch / "store"
        self.begin_store()
        self.ends = {}

    def begin_store(self):
        shutil.rmtree(self.store, ignore_errors=True)
        self.ledger, self.lives, self.unsure = oracle.Ledger(), 0, []

    def numbers(self, step, first=0):
        """Which calls fail: the first ones, then one of `step`."""
        yield from range(1, first + 1)
        yield from range(first + self.random.randint(1, step), K_MAX, step)

    def note_end(self, words):
        self.ends[words] = self.ends.get(words, 0) + 1

    # How a process may end that found no memory.

    def assert_ended_well(self, status, stderr, call="memory"):
        if status < 0:
            with open(self.told, encoding="utf-8") as told:
                asked = told.read()
            if call == "thread":
                self.assertIn("(src/thread.cpp:", stderr)
                asked = "/libzmq.so.5 " + asked
            self.assertIn(status, (-6, -11), asked)
            self.assertRegex(asked, ENDING, stderr)
            self.assertNotIn("a mistake of our own", stderr)
            self.note_end(f"{status} by {os.path.basename(asked.split()[0])}")
        elif status == 127:
            self.assertIn("error while loading shared libraries", stderr)
            self.note_end("by the loader")
        elif status == 0:
            self.note_end("none")
        else:
            self.assertRegex(stderr, SENTENCE, "it left without a word")
            self.note_end("with a sentence")

    # The daemon.

    def faulty_daemon(self, k, call, arm=None):
        if os.path.exists(self.arm):
            os.unlink(self.arm)
        return self.daemon(call=call, nth=k, **({} if arm is None else {"arm": arm}))

    def append(self, peer, request):
        self.ledger.sent(request)
        if request not in self.unsure:
            self.unsure.append(request)
        try:
            answer = peer.append(request)
        except harness.WireError as error:
            self.assertIn(error.code, ("storage", "busy"))
            return
        self.ledger.acknowledged(request, answer["positions"])
        self.unsure.remove(request)

    def resend(self, peer):
        for request in list(self.unsure):
            self.append(peer, request)
        self.assertEqual(self.unsure, [])

    def end(self, daemon):
        """The status of a daemon that was told to leave, or has left."""
        daemon.process.terminate()
        status = daemon.process.wait(LEFT_S)
        daemon.forget()
        return status, daemon.stderr()

    def start(self, k, call):
        """A start that finds turns in the journal; one more turn is left there behind it."""
        daemon = self.faulty_daemon(k, call).spawn()
        if daemon.notifications.wait_for("READY=1", daemon.pidfd):
            self.ledger.made()
            try:
                with self.connect(daemon) as peer:
                    self.resend(peer)
                    self.append(peer, self.world.activities(2))
                daemon.process.kill()
            except Gone:
                pass
        status = daemon.process.wait(harness.WAIT_S)
        daemon.forget()
        if status != -9:
            self.assert_ended_well(status, daemon.stderr(), call)
            self.assertIn(status, (1, -6, -11, 127), daemon.stderr())

    def connect(self, daemon):
        try:
            return LastWords(daemon)
        except (OSError, AssertionError, TypeError):
            raise Gone from None

    def work(self, peer, other):
        """A round of all requests."""
        self.append(peer, self.world.activities(2))
        for method, params in (
                ("hello", {}), ("read", {"limit": 4}), ("subscribe", {"from": 1}),
                ("subscribe", {"from": 1, "name": "n", "client": "c", "takeover": True}),
                ("query", {"view": "programme"}), ("query", {"view": "funnel", "as_of": "2017-01-01"}),
                ("records", {"limit": 4}), ("verify", {}), ("rebuild", {}), ("status", {}),
                ("ack", {"name": "n", "position": 1}), ("park", {"name": "n", "position": 2, "reason": "x"}),
                ("replay", {"name": "n"}), ("parked", {"name": "n"}), ("subscriptions", {}),
                ("unsubscribe", {"name": "n"})):
            try:
                other.call(method, **params)
            except harness.WireError as error:
                # where it was not made, or nothing was sent, the rest of it is refused
                of_it = ("not-found", "conflict", "invalid") if "name" in params else ()
                self.assertIn(error.code, ("storage", "no-space", "busy", *of_it), error)
        self.append(other, self.world.activities(1))
        peer.call("read", limit=1)

    def requests_life(self, k, call):
        daemon = self.faulty_daemon(k, call, self.arm).start()
        self.ledger.made()
        with LastWords(daemon) as peer, LastWords(daemon) as other:
            self.resend(peer)
            open(self.arm, "wb").close()
            try:
                self.work(peer, other)
            except Gone:
                pass
        status, stderr = self.end(daemon)
        self.assert_ended_well(status, stderr)
        self.assertIn(status, (0, 1, -6, -11), stderr)

    def walk(self, life, step, call="memory", first=0):
        tried = 0
        self.world = World("w")
        for k in self.numbers(step, first):
            if self.lives % LIVES_OF_A_STORE == 0:
                self.begin_store()
                self.world = World(f"w{k}")
                with self.daemon() as daemon, LastWords(daemon) as peer:
                    self.append(peer, self.world.foundation())
                    self.append(peer, self.world.trial("running"))
                    daemon.kill()
            self.lives += 1
            with self.subTest(call=call, k=k):
                life(k, call)
                self.ledger.judge(self.store)
            if not self.was_reached():
                print(f"{tried} calls for {call}, ended {self.ends}", flush=True)
                return tried
            tried += 1
        self.fail("the walk does not end")

    # trialctl.

    def run_verb(self, words, k):
        environment = {"TRIALD_ENDPOINT": self.served.endpoint, "TRIALD_FEED": self.served.feed}
        if k > 0:
            if os.path.exists(self.told):
                os.unlink(self.told)
            environment.update(LD_PRELOAD=library(), FAULTY_TOLD=self.told, FAULTY_CALL="memory",
                               FAULTY_NTH=str(k))
        shutil.rmtree(self.scratch / "backup", ignore_errors=True)
        return harness.ctl(*words, status=None, environment=environment)

    def walk_verb(self, words, right, step):
        tried = 0
        for k in self.numbers(step):
            got = self.run_verb(words, k)
            if not self.was_reached():
                self.assertEqual((got.status, got.out), (right.status, right.out))
                return tried
            tried += 1
            with self.subTest(verb=words[0], k=k):
                self.assert_ended_well(got.status, got.err)
                if got.status == 0 and letters(got.out) != letters(right.out):
                    self.assertEqual(got.out, right.out, "it says that it is done")
        self.fail("the walk does not end")

    def test_every_allocation_of_each_verb(self):
        world, total = World("w"), 0
        history = world.foundation() + world.trial("assessed")
        file = self.scratch / "events.ndjson"
        with open(file, "w", encoding="utf-8") as text:
            text.writelines(json.dumps(event) + "\n" for event in history)
        with self.daemon() as self.served, self.served.peer() as peer:
            self.append(peer, history)
            for words in VERBS:
                words = [w.replace("FILE", file).replace("DIR", self.scratch / "backup")
                         for w in words]
                right = self.run_verb(words, 0)
                self.assertEqual(right.status, 0, right)
                total += self.walk_verb(words, right, STEPS[2])
            self.assertEqual(peer.call("status")["head"], len(history))
            self.assertEqual(peer.call("verify")["bad"], 0)
        self.ledger.judge(self.store)
        print(f"{total} calls of trialctl, ended {self.ends}", flush=True)

    def test_every_allocation_of_a_start(self):
        tried = self.walk(self.start, STEPS[0], first=24)  # those of a look at the store
        self.assertGreater(tried, 0)

    def test_every_thread_of_a_start(self):
        self.assertGreater(self.walk(self.start, 1, "thread"), 3)

    def test_every_allocation_of_a_round_of_requests(self):
        self.assertGreater(self.walk(self.requests_life, STEPS[1]), 0)


if __name__ == "__main__":
    harness.main()

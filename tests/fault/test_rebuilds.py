#!/usr/bin/python3
"""A rebuild that is killed, or finds no room, at each call to the disk: the old rows answer as
before, appends go on or are taken again, and the next daemon leaves nothing of it behind.

TRIAL_ROUNDS=1 tries every call; without it one of four, from a place that TRIAL_SEED names."""
import errno
import os
import random
import shutil
import sys

from faulty import ROUNDS, FaultCase, Gone, Peer, harness

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "support"))
import oracle  # noqa: E402
from second_programme import second  # noqa: E402

N_MAX = 1000
STEP = 1 if ROUNDS else 4
KINDS = ("write", "meta", "sync")


class Rebuilds(FaultCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(harness.seed())
        self.first = harness.load()
        self.more = [e for e in second(self.first) if not e["type"].startswith("municipality.")]
        self.template = self.scratch / "template"
        with self.daemon(store=self.template) as daemon, daemon.peer() as peer:
            for start in range(0, len(self.first), 500):
                peer.append(self.first[start:start + 500])
            self.views = {view: peer.query_all(view) for view in ("trial", "outcome", "exemption")}
        shutil.rmtree(self.scratch / "store", ignore_errors=True)

    def begin(self, **faults):
        """A daemon on a copy of the log, with faults from the moment it is to rebuild."""
        store = self.scratch / "store"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(self.template, store)
        self.ledger = oracle.Ledger()
        self.ledger.sent(self.first)
        self.ledger.acknowledged(self.first, range(1, len(self.first) + 1))
        if os.path.exists(self.arm):
            os.unlink(self.arm)
        daemon = self.daemon(store=store, under=store, arm=self.arm, **faults).start()
        return daemon, Peer(daemon)

    def rebuild(self, peer):
        """Rebuild while events are appended; the answer to the rebuild, an error where it was
        refused."""
        open(self.arm, "wb").close()
        asked = peer.send("rebuild", {})
        for start in range(0, 60, 10):
            request = self.more[start:start + 10]
            self.ledger.sent(request)
            answer = self.append(peer, request)
            self.ledger.acknowledged(request, answer["positions"])
        return self.answer(peer, asked)

    def append(self, peer, request):
        """Sent again until it is taken: a commit that finds no room refuses appends, until the
        next one has found some."""
        while True:
            try:
                return peer.append(request)
            except harness.WireError as error:
                self.assertEqual(error.code, "no-space", error)

    def answer(self, peer, asked):
        try:
            return peer.result(asked)
        except harness.WireError as error:
            return error

    def judge(self):
        """What the next daemon finds: the views of before, whatever was appended to a second
        programme; then every row, byte for byte, by the oracle."""
        with self.daemon() as daemon, daemon.peer() as peer:
            for view, rows in self.views.items():
                self.assertEqual([r for r in peer.query_all(view) if r["programme"] == "ff2"], rows)
            self.assertEqual(peer.call("verify")["bad"], 0)
        self.ledger.judge(self.scratch / "store")

    def numbers(self):
        return range(self.random.randint(1, STEP), N_MAX, STEP)

    def test_killed_at_every_call(self):
        total = 0
        for kind in KINDS:
            for n in self.numbers():
                daemon, peer = self.begin(call=kind, nth=n, how="kill")
                try:
                    self.rebuild(peer)
                    daemon.stop()
                except (Gone, AssertionError):
                    self.assertTrue(self.was_reached())
                finally:
                    peer.close()
                    daemon.close()
                with self.subTest(call=kind, n=n):
                    self.judge()
                if not self.was_reached():
                    break
                total += 1
            else:
                self.fail("the walk does not end")
        print(f"{total} kills", flush=True)
        self.assertGreater(total, 0)

    def test_no_room_at_every_write(self):
        """Given up with a sentence, nothing lost; with room again it is done at once."""
        total = 0
        for n in range(1, N_MAX):
            daemon, peer = self.begin(call="write", nth=n, errno=errno.ENOSPC,
                                      match="/data.mdb")
            with peer, self.subTest(n=n):
                answer = self.rebuild(peer)
                if isinstance(answer, harness.WireError):
                    self.assertEqual(answer.code, "no-space", answer)
                    self.assertIn("the old rows are in use as before", str(answer))
                    total += 1
                    answer = self.answer(peer, peer.send("rebuild", {}))
                self.assertEqual(len(answer["views"]), len(harness.ALL_VIEWS))
                daemon.stop()
                self.judge()
            daemon.close()
            if not self.was_reached():
                print(f"{total} rebuilds without room", flush=True)
                self.assertGreater(total, 0)
                return
        self.fail("the walk does not end")

    def test_a_disk_that_fails_ends_the_daemon(self):
        daemon, peer = self.begin(call="sync", nth=2, count=1000, errno=errno.EIO,
                                  match="/data.mdb")
        with peer, self.assertRaises(Gone):
            self.rebuild(peer)
        self.assertEqual(daemon.process.wait(harness.WAIT_S), 74)
        self.assertIn("Input/output error", daemon.stderr())
        daemon.forget()
        self.judge()


if __name__ == "__main__":
    harness.main()

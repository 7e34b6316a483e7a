"""What a test sent and was told, and the program that judges a store by it.

    ledger = oracle.Ledger()
    ledger.sent(events)                 # before the request leaves: one request, all or none
    ledger.acknowledged(events, result["positions"])
    ledger.judge(store)                 # once nobody has the store open; raises where it is unsound

The program is named by TRIAL_ORACLE, else it lies in tests/ of the build directory of TRIALD.
"""
import json
import os
import subprocess
import tempfile


def program():
    built = os.path.dirname(os.environ.get("TRIALD") or
                            os.path.join(os.environ.get("TRIAL_BUILD", "build"), "triald"))
    return os.environ.get("TRIAL_ORACLE") or os.path.join(built, "tests", "trial_oracle")


class Unsound(AssertionError):
    """The store lost, doubled or changed something, or does not go on."""


class Ledger:
    """Events by their name (source and id), in the order in which they were first sent."""

    def __init__(self):
        self.rows = {}
        self.requests = 0
        self.is_made = False

    def made(self):
        """Somebody was told that the store exists: it must never be made anew."""
        self.is_made = True

    def sent(self, events):
        """Events of one request, whatever becomes of it. A resend changes nothing."""
        self.requests += 1
        for event in events:
            row = self.rows.setdefault((event["source"], event["id"]),
                                       {"event": event, "request": self.requests, "times": 0})
            row["times"] += 1
            if row["times"] > 1:  # with whom it came in first is no longer known
                row["request"] = 0

    def acknowledged(self, events, positions):
        """The positions an answer told; an event has one for ever."""
        self.is_made = True
        for event, position in zip(events, positions, strict=True):
            row = self.rows.setdefault((event["source"], event["id"]), {"event": event})
            if row.setdefault("position", position) != position:
                raise Unsound(f"event {event['id']} was answered {row['position']}, "
                              f"then {position}")

    def refused(self, events):
        """An answer said that nothing of a request was kept: what was sent in no other one is not
        to be found."""
        for event in events:
            name = event["source"], event["id"]
            if self.rows[name]["times"] == 1:
                del self.rows[name]

    def judge(self, store):
        """What the oracle says of the store, in a line; Unsound where it is not sound. It adds an
        event of its own to the store."""
        with tempfile.NamedTemporaryFile("w", suffix=".ndjson", encoding="utf-8") as file:
            for row in [{"made": self.is_made}] + list(self.rows.values()):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            said = subprocess.run([program(), os.fspath(store), file.name], capture_output=True,
                                  text=True, check=False)
        if said.returncode != 0:
            raise Unsound(f"status {said.returncode}: {said.stdout.strip()} {said.stderr.strip()}")
        return said.stdout.strip()

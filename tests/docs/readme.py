#!/usr/bin/python3
"""readme.py ROOT BUILD - do the questions of the README get the answers that stand there?

Each row of its table is run against a daemon that holds the demo's data. Where the command gives rows, the
first number of the answer is how many; every other number of a funnel's answer is one of its counts.
"""
import os
import re
import shlex
import sys

ROOT, BUILD = sys.argv[1], sys.argv[2]
os.environ["TRIALD"] = os.path.join(BUILD, "triald")
os.environ["TRIALCTL"] = os.path.join(BUILD, "trialctl")
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import harness  # noqa: E402  (it wants its programs named first)

ROW = re.compile(r"^\| [a-z]+ \| .*? \| `trialctl (.*?)` \| (.*) \|$", re.M)
STATUS = {"illegal-transition": 7}


def fault(daemon, words, answer):
    """What is wrong with a row of the table, None where nothing is."""
    numbers = [int(n) for n in re.findall(r"(?<![\w-])\d+(?![\w-])", answer)]
    if words[0] == "publish":
        said = daemon.ctl(*words, status=STATUS[re.search(r"`([a-z-]+)`", answer)[1]]).err
        return None if re.search(r"`([a-z-]+)`", answer)[1] in said else said
    if words[0] == "verify":
        status = daemon.ask("status")
        words = ["verify", "--since", f"{status['head']}:{status['root']}"]
        return None if daemon.ask(*words)["same"] is True else "it is not the same"
    if words[0] == "history":
        return None if len(daemon.log("--subject", words[1])) == numbers[0] else "another number of events"
    said = daemon.ask(*words)
    if words[0] in ("list", "due"):
        return None if len(said) == numbers[0] else f"it gives {len(said)} rows"
    if words[0] == "funnel":
        counts = [v for v in said.values() if isinstance(v, int)]
        return None if all(n in counts for n in numbers) else f"it says {said}"
    return None if said else "it says nothing"


def main():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        rows = ROW.findall(file.read())
    faults = 0
    with harness.Daemon() as daemon:
        daemon.import_file()
        for command, answer in rows:
            wrong = fault(daemon, shlex.split(command), answer)
            if wrong:
                faults += 1
                print(f"trialctl {command}: the README says '{answer}', but {wrong}")
    print(f"{len(rows)} questions, {faults} answered otherwise")
    return 1 if faults or len(rows) != 20 else 0


sys.exit(main())

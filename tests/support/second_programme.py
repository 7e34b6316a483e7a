#!/usr/bin/python3
"""A second programme made of the first: the same history under other names, in the same
municipalities.

Every id, subject and reference of `ff2` becomes one of `ff9`; laws become laws of its own;
municipalities are shared, so that they are registered a second time by events of new ids. As a
program it writes the file to stdout.
"""
import json
import re
import sys

LAW = re.compile(r"\bdk-(?=\d{4}-)")


def renamed(value):
    """A value with every name of the first programme replaced by one of the second."""
    if isinstance(value, str):
        return LAW.sub("ff9-dk-", re.sub(r"\bff2\b", "ff9", value))
    if isinstance(value, list):
        return [renamed(v) for v in value]
    if isinstance(value, dict):
        return {k: renamed(v) for k, v in value.items()}
    return value


def second(events):
    """The events of the second programme, in the order of the first's."""
    return [renamed(e) for e in events]


def interleaved(first, other):
    """Both, line by line."""
    return [event for pair in zip(first, other) for event in pair]


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        for event in second([json.loads(line) for line in source]):
            print(json.dumps(event, ensure_ascii=False, separators=(",", ":")))

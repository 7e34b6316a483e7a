#!/usr/bin/python3
"""trouble.py ROOT BUILD - does trial-trouble(7) say of every message what it means and what to do?

What a program may say is taken from its source: the words of every call that makes a message. A
head of the page (*words*, with ... for what changes) covers the messages that hold its words. A
message that no head covers is a failure, and so is a head that no message holds. What a peer's
event or request is refused for names its code and rule, and those have their rows on the page."""
import pathlib
import re
import sys

CALLS = ("trial_fail trial_fail_errno trial_fail_while store_fail store_refuse net_fail misfit "
         "lib_fail_zmq fail_at fail_building no_record bad_at damaged check_note note check_get "
         "host_log host_log_about ctl_say ctl_usage trial_panic").split()
CALL = re.compile(r"\b(" + "|".join(CALLS) + r")\(")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
BEHIND = {"store_refuse": " '%s': %s", "trial_fail_errno": ": %s", "store_fail": ": %s",
          "net_fail": ": %s", "lib_fail_zmq": ": %s", "ctl_usage": "\nTry 'trialctl %s--help'",
          "damaged": "; make a new backup in another directory", "check_get": " cannot be read: %s"}
BEFORE = {"trial_panic": "a mistake of our own at %s: ", "damaged": "'%s/BACKUP' ",
          "misfit": "position %llu ",
          "no_record": "a record of the log is damaged: ",
          "bad_at": "position %llu of the backup, in '%s': "}
MORE = ("the machine has no memory left; nothing was half done",  # arena.c, which asks for none
        "%llu log lines were dropped before this",  # log.c, which cannot call itself
        "a page of '%s/lmdb/data.mdb' is damaged or cannot be read, and led LMDB astray",  # main.c
        "in the journal: %s", "%s ended the process that read it (%s)")  # reasons of a verification
MACROS = {"BACKUP_MANIFEST": "BACKUP", "STORE_MARKER": "STORE", "STORE_DAEMON": "daemon"}
WORDS = re.compile(r"[a-z]{3}")
# What these say is an answer to a peer, under a code and a rule.
PEERS = re.compile(r"daemon/(domain|views)/|proto/(arrival|canonical|catalogue|frame|pack|row|"
                   r"shape|shape_write|time|value|values|write)\.c|client/(json/json|import|uuid7)\.c|"
                   r"client/board/(route|desk|answer|opening|http_exchange)\.c|"
                   r"daemon/engine/(append|answers|page)\.c")


def arguments(text, start):
    """What stands between a call's parentheses."""
    at, depth, quoted = start, 1, False
    while depth > 0:
        char = text[at]
        if quoted:
            at += char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        else:
            depth += (char == "(") - (char == ")")
        at += 1
    return text[start:at - 1]


def messages(root):
    """(where, what it says) of every message."""
    for text in MORE:
        yield "beside any call", text
    reasons = (root / "daemon/store/store_error.c").read_text(encoding="utf-8")
    for text in re.findall(r'return "([^"]+)"', reasons):
        yield "daemon/store/store_error.c", text
    for folder in ("daemon", "client", "proto"):
        for path in sorted((root / folder).rglob("*.c")):
            name = str(path.relative_to(root))
            if PEERS.search(name):
                continue
            text = path.read_text(encoding="utf-8")
            for call in CALL.finditer(text):
                inside = re.sub(r"PRI[a-z]\d+", '"llu"', arguments(text, call.end()))
                for macro, word in MACROS.items():
                    inside = inside.replace(macro, f'"{word}"')
                says = "".join(LITERAL.findall(inside))
                words = re.sub(r"%[-.*0-9]*[a-z]+", "", says)
                if says != "position %llu %s" and WORDS.search(words):
                    line = text.count("\n", 0, call.start()) + 1
                    yield f"{name}:{line}", (BEFORE.get(call[1], "") + says
                                             + BEHIND.get(call[1], ""))


def heads(page):
    """(as written, as a pattern) of every head of the page."""
    for line in page.splitlines():
        found = re.fullmatch(r"\*(.+)\*(?:\+\+)?", line)
        if found:
            plain = found[1].replace("\\", "")
            yield plain, re.compile(".*".join(re.escape(p) for p in plain.split("...")), re.S)


def main():
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    page = build / "man" / "trial-trouble.7.scd"
    if not page.exists():
        print("skipped: there was no scdoc when the pages were made")
        return 77
    rows = list(heads(page.read_text(encoding="utf-8")))
    said = list(messages(root))
    conditions = (root / "include/trial/conditions.def").read_text(encoding="utf-8")
    said += [("include/trial/conditions.def", text) for text in LITERAL.findall(conditions) if text]
    failed = 0
    for where, text in said:
        advice = where.endswith("conditions.def")  # names and advice stand in its own rows
        if not advice and not any(pattern.search(text) for _, pattern in rows):
            print(f"{where}: no head of the page covers: {text}")
            failed += 1
    for head, pattern in rows:
        if not any(pattern.search(text) for _, text in said):
            print(f"{page}: no program says: {head}")
            failed += 1
    for name in ("errors", "rules"):
        table = (root / f"include/trial/{name}.def").read_text(encoding="utf-8")
        for row in re.findall(r'^(?:ERROR|RULE)\(\w+, *"([a-z-]+)"', table, re.M):
            if f"|  {row}\n" not in page.read_text(encoding="utf-8"):
                print(f"{page}: lacks {row} of {name}.def")
                failed += 1
    print(f"{len(said)} messages, {len(rows)} heads, {failed} failures")
    return 1 if failed else 0


sys.exit(main())

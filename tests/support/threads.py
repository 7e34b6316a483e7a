"""Threads of a program that was started here, stopped and let go one by one: ptrace(2)."""
import contextlib
import ctypes
import os
import unittest

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
WAIT_BITSET = 9  # of futex(2): what pthread_cond_wait() does, and no mutex


def ptrace(request, thread):
    if LIBC.ptrace(request, thread, None, None) < 0:
        error = ctypes.get_errno()
        if request == SEIZE:
            raise unittest.SkipTest("one process may not watch another here")
        raise OSError(error, os.strerror(error))


def own(pid, states=None):
    """Its threads but for the first and libzmq's; of those, the ones in one of these states."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as stat:
            name, rest = stat.read().rsplit(")", 1)
        if int(thread) != pid and "ZMQ" not in name and (states is None or rest.split()[0] in states):
            found.append(int(thread))
    return found


def stop(thread):
    ptrace(SEIZE, thread)
    ptrace(INTERRUPT, thread)
    os.waitpid(thread, 0x40000000)  # __WALL


def waits_for_work(pid, thread):
    """Does it sleep on a condition, no lock held? Only to be asked of one that is stopped."""
    with open(f"/proc/{pid}/task/{thread}/syscall", encoding="ascii") as file:
        words = file.read().split()
    return len(words) > 2 and int(words[2], 16) & 0x7f == WAIT_BITSET


def is_polling(pid, thread):
    """Does it wait for a socket? libzmq's do, and who is asked about keys."""
    with open(f"/proc/{pid}/task/{thread}/wchan", encoding="ascii") as file:
        return "poll" in file.read()


def go_on(thread):
    ptrace(DETACH, thread)


@contextlib.contextmanager
def held(pid):
    """All that work is handed to, each stopped once it has none: what is handed over lies there."""
    stopped = []
    try:
        for thread in own(pid):
            while not is_polling(pid, thread):
                stop(thread)
                if waits_for_work(pid, thread):
                    stopped.append(thread)
                    break
                go_on(thread)
        yield
    finally:
        for thread in stopped:
            go_on(thread)

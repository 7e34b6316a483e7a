"""A daemon with keys: its own, a directory of certificates, an ipc and a tcp endpoint, and peers that
show a key."""
import glob
import os
import re
import shutil
import socket
import subprocess
import unittest

import zmq
import zmq.auth

from harness import Daemon, Peer, WireError, clean_environment, ctl, program

ALL = "read publish audit operate"


def free_port():
    """A port of loopback that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class KeyPeer(Peer):
    """A peer that shows a key in CURVE's handshake."""

    def __init__(self, endpoint, secret, server, kind=zmq.DEALER, receive_limit=None):
        public, own = zmq.auth.load_certificate(secret)
        self.keys = public, own, zmq.auth.load_certificate(server)[0]
        super().__init__(endpoint, kind, receive_limit)

    def connect(self, endpoint):
        self.socket.curve_publickey, self.socket.curve_secretkey, self.socket.curve_serverkey = (
            self.keys)
        super().connect(endpoint)


class Keyring(Daemon):
    """A Daemon beside a directory of certificates. `root` is what the user of the tests may do on
    ipc; None gives it nothing."""

    def __init__(self, root=ALL, sources="*", arguments=(), **options):
        super().__init__(**options)
        self.keys = self.scratch / "keys"
        self.secret = self.scratch / "server.key_secret"
        self.server = self.scratch / "server.key"
        self.port, self.feed_port = free_port(), free_port()
        self.tcp = f"tcp://127.0.0.1:{self.port}"
        self.tcp_feed = f"tcp://127.0.0.1:{self.feed_port}"
        self.feed = self.tcp_feed
        os.mkdir(self.keys, 0o755)
        ctl("keygen", self.scratch / "server", timeout=None)
        if root is not None:
            self.local("root", os.geteuid(), root, sources)
        self.arguments = ["--listen", self.tcp, "--keys", self.keys, "--secret-key", self.secret,
                          *arguments]

    def certificate(self, name):
        return os.path.join(self.keys, name + ".key")

    def write(self, name, text):
        """A certificate as it is, put in its place whole."""
        path = self.certificate(name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def local(self, name, uid, roles, sources="", kind="user"):
        """A certificate of a local user or group."""
        self.write(name, f'metadata\n    {kind} = "{uid}"\n    roles = "{roles}"\n'
                         f'    sources = "{sources}"\n')

    def make(self, name, roles="read", sources="", is_known=True):
        """A key pair; the certificate goes to the daemon, the path of the secret comes back."""
        path = self.scratch / name
        more = ["--source", sources] if sources else []
        ctl("keygen", path, "--role", roles, *more, timeout=None)
        if is_known:
            with open(path + ".key", encoding="utf-8") as file:
                self.write(name, file.read())
        return path + ".key_secret"

    def forget_key(self, name):
        os.unlink(self.certificate(name))

    def key_peer(self, secret, server=None, **options):
        return KeyPeer(self.tcp, secret, server or self.server, **options)

    def key_ctl(self, secret, *arguments, server=None, **options):
        """trialctl over tcp with a key."""
        return self.ctl(*arguments, "--endpoint", self.tcp, "--key", secret, "--server-key",
                        server or self.server, **options)

    def wait_for_rights(self, peer, expected):
        """Ask for the view until it says {name: state}: each answer is waited for, and between two
        of them there is a turn of the daemon."""
        seen = None
        while seen != expected:
            seen = {row["name"]: row["state"] for row in peer.query_all("right")}
        return seen


    def wait_until_refused(self, peer):
        """Ask until the answer is that it has no rights."""
        while True:
            try:
                peer.call("status")
            except WireError as error:
                assert error.code == "unauthorised", error
                return

    def wait_until_served(self, peer):
        """Ask until the answer is one."""
        while True:
            try:
                return peer.call("status")
            except WireError as error:
                assert error.code == "unauthorised", error


class Everybodys:
    """trialctl where every user of this machine may run it: a build often lies behind a home that
    nobody else may enter."""

    def __init__(self, scratch):
        built = program("TRIALCTL", "trialctl")
        self.directory = scratch / "bin"
        os.mkdir(self.directory, 0o755)
        for path in [built, *glob.glob(os.path.join(os.path.dirname(built), "libtrial.so*"))]:
            shutil.copy(path, self.directory)  # what a link names, under the link's name
        os.chmod(scratch.path, 0o755)
        self.options = {"LD_LIBRARY_PATH": self.directory}
        found = re.search("suppressions=([^:]*)", os.environ.get("TSAN_OPTIONS", ""))
        if found:  # a sanitizer that may not read them ends the program
            copy = shutil.copy(found[1], self.directory)
            self.options["TSAN_OPTIONS"] = os.environ["TSAN_OPTIONS"].replace(found[1], copy)

    def run(self, uid, gid, *words):
        """Run it as that user."""
        return subprocess.run([os.path.join(self.directory, "trialctl"), *words], user=uid, group=gid,
                              extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False,
                              env=clean_environment(self.options))


class KeyringCase(unittest.TestCase):
    """One daemon with keys for each test, which start() starts, and a peer that may do everything."""

    def setUp(self):
        self.ring = Keyring()
        self.addCleanup(self.ring.close)

    def start(self):
        self.ring.start()
        self.root = self.ring.peer()
        self.addCleanup(self.root.close)

"""Who has no key: attempts without end, sessions recorded and played again, names that are forged, peers
that say half of a greeting or nothing of sense. Nothing of it reaches a rule, and who has a key is served.

TRIAL_ROUNDS multiplies how often: 1 is the quick form, 100 tries 10,000 keys."""
import contextlib
import os
import random
import selectors
import socket
import sys
import threading
import unittest

import zmq

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "system"), os.path.join(HERE, "..", "support")]
import harness  # noqa: E402
import raw_peer  # noqa: E402
from keyring import KeyPeer, KeyringCase  # noqa: E402

ROUNDS = int(os.environ.get("TRIAL_ROUNDS") or 1)
FIGURE = {"type": "figure.reported", "subject": "case/1", "time": "2020-01-01T00:00:00Z",
          "data": {"metric": "m", "value": 1, "asOf": "2020-01-01", "document": "d"}}


def figure(number, source="/dk/presse/avis"):
    return {**FIGURE, "id": str(number), "source": source}


class Recorder:
    """A relay between a client and the daemon that keeps what the client said."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.said, self.to = [], port
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.to))
        chooser = selectors.DefaultSelector()
        chooser.register(client, selectors.EVENT_READ, server)
        chooser.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in chooser.select():
                try:
                    data = key.fileobj.recv(65536)
                    key.data.sendall(data)
                except OSError:
                    data = b""
                if not data:
                    client.close()
                    server.close()
                    return
                if key.fileobj is client:
                    self.said.append(data)

    def close(self):
        self.listener.close()
        self.thread.join(harness.WAIT_S)


class NamedHere(harness.Peer):
    """Chooses its routing id itself: another one in each class, for a second peer of one id is not
    heard as long as the first is there."""

    def connect(self, endpoint):
        self.socket.routing_id = type(self).__name__.encode()
        super().connect(endpoint)


class Named(NamedHere, KeyPeer):
    """The same with a key."""


def messages_at(peer):
    """How many messages have reached the daemon, the question itself counted in."""
    return peer.call("metrics")["counters"]["received_messages"]


class Attacked(KeyringCase):
    def setUp(self):
        super().setUp()
        self.known = self.ring.make("known", "read publish", "/dk/presse/")
        self.start()
        self.honest = self.ring.key_peer(self.known)
        self.addCleanup(self.honest.close)
        self.honest.append(figure(0))
        self.head = self.root.call("status")["head"]

    def nothing_came_of_it(self):
        self.assertEqual(self.root.call("status")["head"], self.head)
        self.assertEqual(self.honest.append(figure(0))["duplicates"], [True])
        self.assertEqual(self.root.call("verify")["bad"], 0)

    def refused(self, **keys):
        """Connect, send an append, and wait until the handshake has failed."""
        context = zmq.Context.instance()
        with context.socket(zmq.DEALER) as peer:
            peer.linger = 0
            for name, value in keys.items():
                setattr(peer, name, value)
            monitor = peer.get_monitor_socket(
                zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
                | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
            peer.connect(self.ring.tcp)
            request = harness.msgpack.packb([0, 1, "append", [{"events": [figure("evil")]}]])
            with contextlib.suppress(zmq.Again):  # refused already, and ZeroMQ has let go of it
                peer.send(request, zmq.DONTWAIT)
            self.assertTrue(monitor.poll(harness.WAIT_S * 1000), "the handshake hangs")
            event = int.from_bytes(monitor.recv_multipart()[0][:2], sys.byteorder)
            self.assertNotEqual(event, zmq.EVENT_HANDSHAKE_SUCCEEDED)
            self.assertEqual(peer.poll(0), 0)
            peer.disable_monitor()
            monitor.close()
            return event

    def test_keys_that_nobody_knows(self):
        server = self.honest.keys[2]
        before = messages_at(self.root)
        attempts = 100 * ROUNDS
        for _ in range(attempts):
            public, secret = zmq.curve_keypair()
            event = self.refused(curve_publickey=public, curve_secretkey=secret,
                                 curve_serverkey=server)
            self.assertEqual(event, zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        reached = messages_at(self.root) - before - 1
        print(f"{attempts} attempts, {reached} messages reached the daemon", flush=True)
        self.assertEqual(reached, 0)
        self.nothing_came_of_it()

    def test_a_known_key_without_its_secret(self):
        public, _, server = self.honest.keys
        for _ in range(10 * ROUNDS):
            self.refused(curve_publickey=public, curve_secretkey=zmq.curve_keypair()[1],
                         curve_serverkey=server)
        self.nothing_came_of_it()

    def test_no_key_and_other_mechanisms(self):
        for keys in ({}, {"plain_username": b"known", "plain_password": b"x"}):
            for _ in range(10 * ROUNDS):
                self.refused(**keys)
        self.nothing_came_of_it()

    def test_a_session_that_was_recorded(self):
        recorder = Recorder(self.ring.port)
        self.addCleanup(recorder.close)
        peer = self.ring.key_peer(self.known)
        self.addCleanup(peer.close)
        peer.socket.disconnect(self.ring.tcp)
        peer.socket.connect(f"tcp://127.0.0.1:{recorder.port}")
        peer.append(figure(1))
        self.head += 1
        # What is recorded holds the append: it was answered, over this relay.
        said = b"".join(recorder.said)
        self.assertGreater(len(said), 400)
        before = messages_at(self.root)
        accepted = 0
        for number in range(100 * ROUNDS):
            with socket.create_connection(("127.0.0.1", self.ring.port)) as again:
                again.settimeout(harness.WAIT_S)
                if number % 2 == 0:
                    again.sendall(said)
                else:  # in the pieces that it was said in
                    for piece in recorder.said:
                        try:
                            again.sendall(piece)
                        except OSError:
                            break
                heard = b""
                while True:
                    try:
                        data = again.recv(65536)
                    except ConnectionResetError:
                        break
                    if not data:
                        break
                    heard += data
                accepted += b"READY" in heard
        reached = messages_at(self.root) - before - 1
        print(f"{100 * ROUNDS} times played again: {accepted} handshakes, {reached} messages", flush=True)
        self.assertEqual((accepted, reached), (0, 0))
        self.nothing_came_of_it()

    def test_a_forged_name_is_nobody(self):
        # On ipc the kernel says who it is; what a peer says of itself, in the words of ZAP, is not heard.
        public = self.honest.keys[0]
        os.unlink(self.ring.certificate("root"))
        self.ring.wait_until_refused(self.root)
        for name, value in (("User-Id", public), ("User-Id", b"known"),
                            ("Peer-Address", b"localhost:0:0:1")):
            peer = raw_peer.RawPeer(self.ring.endpoint)
            body = b"\x05READY"
            for key, text in (("Socket-Type", b"DEALER"), ("Identity", b""), (name, value)):
                body += bytes([len(key)]) + key.encode() + len(text).to_bytes(4, "big") + text
            peer.send(raw_peer.GREETING + raw_peer.frame(body, raw_peer.COMMAND))
            peer.take(64)
            peer.take_frame()
            peer.send(raw_peer.message(harness.msgpack.packb(
                [0, 1, "append", [{"events": [figure("forged")]}]])))
            answer = harness.msgpack.unpackb(peer.receive()[-1])
            self.assertEqual(answer[2]["code"], "unauthorised", name)
            peer.close()

    def test_nobody_gets_the_name_of_somebody_else(self):
        # What is sent to a routing id reaches whoever has it: a subscription outlives its reader a moment.
        for kind, *way in ((Named, self.ring.tcp, self.known, self.ring.server),
                           (NamedHere, self.ring.endpoint)):
            with contextlib.closing(kind(*way)) as peer:
                for method in ("subscribe", "read", "status"):
                    refused = peer.fails(method)
                    self.assertEqual((refused.code, "routing id" in str(refused)),
                                     ("invalid", True))
        self.nothing_came_of_it()

    def test_half_open_and_garbled_peers(self):
        dice = random.Random(harness.seed())
        half, count = [], 10 * ROUNDS
        self.addCleanup(lambda: [peer.close() for peer in half])
        greeting = raw_peer.CURVE_GREETING
        for number in range(count):
            peer = socket.create_connection(("127.0.0.1", self.ring.port))
            half.append(peer)
            kind = number % 4
            if kind == 0:
                peer.sendall(greeting[:dice.randrange(1, 64)])
            elif kind == 1:
                peer.sendall(greeting + raw_peer.frame(b"\x05HELLO" + dice.randbytes(194),
                                                       raw_peer.COMMAND))
            elif kind == 2:
                peer.sendall(dice.randbytes(dice.randrange(1, 4096)))
            self.assertEqual(self.honest.append(figure(0))["duplicates"], [True])
        self.nothing_came_of_it()


if __name__ == "__main__":
    unittest.main()

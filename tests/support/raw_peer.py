"""A peer made of bytes: ZMTP 3.0 over a unix socket by hand, so that a test can say what no
library would."""
import socket
import struct

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
CURVE_GREETING = GREETING.replace(b"NULL" + bytes(1), b"CURVE")
MORE, LONG, COMMAND = 1, 2, 4
PINGS_MAX = 30  # of a daemon that has nothing else to say, one each ten seconds


def frame(body, flags=0):
    """One frame: its flags, its size in the shortest form, its bytes."""
    if len(body) > 255:
        return struct.pack(">BQ", flags | LONG, len(body)) + body
    return struct.pack(">BB", flags, len(body)) + body


def message(*parts):
    """A whole message of these frames."""
    return b"".join(frame(p, MORE if i + 1 < len(parts) else 0) for i, p in enumerate(parts))


def ready(kind=b"DEALER", identity=b""):
    """The command that ends a handshake."""
    body = b"\x05READY"
    for name, value in ((b"Socket-Type", kind), (b"Identity", identity)):
        body += struct.pack(">B", len(name)) + name + struct.pack(">I", len(value)) + value
    return frame(body, COMMAND)


class RawPeer:
    """One connection; nothing is said over it until the test says it."""

    def __init__(self, endpoint, timeout_s=120):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.connect(endpoint[len("ipc://"):])  # waits where the backlog is full
        self.socket.settimeout(timeout_s)
        self.unread, self.pings = b"", 0

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        self.socket.close()

    def send(self, data):
        """Send bytes as they are; False where the other side has hung up."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def take(self, size):
        """So many bytes, or fewer where the other side has hung up."""
        while len(self.unread) < size:
            try:
                got = self.socket.recv(65536)
            except ConnectionResetError:
                got = b""
            if not got:
                break
            self.unread += got
        taken, self.unread = self.unread[:size], self.unread[size:]
        return taken

    def take_frame(self):
        """(flags, bytes) of the next frame; None where the other side has hung up. A PING is
        answered."""
        while True:
            flags = self.take(1)
            wanted = 8 if flags and flags[0] & LONG else 1
            size = self.take(wanted)
            if len(size) < wanted:
                return None
            size = int.from_bytes(size, "big")
            body = self.take(size)
            if len(body) < size:
                return None
            if flags[0] & COMMAND and body.startswith(b"\x04PING"):
                self.send(frame(b"\x04PONG" + body[7:], COMMAND))
                self.pings += 1
                assert self.pings < PINGS_MAX, "nothing but heartbeats came"
            else:
                self.pings = 0
                return flags[0], body

    def handshake(self, kind=b"DEALER", identity=b""):
        """Greet and be ready, as a library would."""
        self.send(GREETING + ready(kind, identity))
        greeting = self.take(64)
        assert greeting[:1] == b"\xff" and greeting[9:11] == b"\x7f\x03", greeting
        flags, body = self.take_frame()
        assert flags & COMMAND and body.startswith(b"\x05READY"), body
        return self

    def receive(self):
        """The frames of the next message; None where the other side has hung up."""
        parts = []
        while True:
            got = self.take_frame()
            if got is None:
                return None
            parts.append(got[1])
            if not got[0] & MORE:
                return parts

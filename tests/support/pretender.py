"""What stands at a daemon's endpoint and is none: a thread that answers as a test likes."""
import threading

import msgpack
import zmq

import harness


class Pretender(threading.Thread):
    """Has an `endpoint` as a daemon has. Use it as a context, or close it."""

    def __init__(self):
        super().__init__()
        self.scratch = harness.Scratch()
        self.endpoint = "ipc://" + self.scratch / "s"
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.bind(self.endpoint)
        self.is_over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.is_over.set()
        self.join()
        self.socket.close(0)
        self.scratch.remove()

    def send(self, peer, message):
        self.socket.send_multipart([peer, msgpack.packb(message)])

    def run(self):
        while not self.is_over.is_set():
            if self.socket.poll(100):
                peer, frame = self.socket.recv_multipart()
                self.take(peer, msgpack.unpackb(frame))
            else:
                self.idle()

    def take(self, peer, message):
        """What came from a peer."""
        raise NotImplementedError

    def idle(self):
        """Nothing has come for a while."""

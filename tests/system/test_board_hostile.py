#!/usr/bin/python3
"""trialboard and hostile HTTP: tricks with addresses, headers and bodies, slow and stalled peers.
Each is answered 4xx or cut, no other file is ever given out, and the next honest request is
answered."""
import http.client
import os
import random
import socket
import unittest

import harness
from board import Board, is_whole
from pretender import Pretender

HOST = b"Host: localhost\r\n"


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon().start()
        cls.addClassCleanup(cls.daemon.close)
        cls.pages = cls.daemon.scratch / "pages"
        os.makedirs(cls.pages + "/a")
        for name, content in (("pages/index.html", b"index"), ("pages/a/b.js", b"script"),
                              ("secret.txt", b"SECRET")):
            with open(cls.daemon.scratch / name, "wb") as file:
                file.write(content)
        cls.board = Board(cls.daemon, ["--head-ms", "1s", "--answer-ms", "1s"],
                          pages=cls.pages).start()
        cls.addClassCleanup(cls.board.close)

    @classmethod
    def tearDownClass(cls):
        cls.board.stop()
        cls.daemon.stop()

    def tearDown(self):
        self.assertEqual(self.board.ask("/healthz").status, 200)

    def status(self, sent):
        """The status line's number of what raw bytes are answered with; None: cut unanswered."""
        got = self.board.raw(sent, is_whole)
        self.assertNotIn(b"SECRET", got)
        if not got:
            return None
        self.assertTrue(got.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), got[:100])
        return int(got.split(b" ", 2)[1])

    def refused(self, sent, besides=()):
        status = self.status(sent)
        self.assertTrue(status is None or 400 <= status < 500 or status in besides,
                        (status, sent[:200]))

    def get(self, target):
        return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"

    def test_addresses(self):
        for target in (
                b"/..", b"/../", b"/../secret.txt", b"/a/../../secret.txt", b"/%2e%2e/secret.txt",
                b"/%2e%2e%2fsecret.txt", b"/.%2e/secret.txt", b"/a/%2e%2e/%2e%2e/secret.txt",
                b"/%252e%252e/secret.txt", b"/..%5csecret.txt", b"/..\\secret.txt",
                b"/..%c0%afsecret.txt", b"/%c0%ae%c0%ae/secret.txt", b"/%u002e%u002e/secret.txt",
                b"/index.html%00.js", b"/%00", b"/index.html\x00.js", b"/a%0d%0aSet-Cookie:x",
                b"/%", b"/%2", b"/%zz", b"/%g0", b"/a%", b"//", b"//etc/passwd", b"/./index.html",
                b"/index.html/..", b"/\xc3\xa6", b"/\xff\xfe", b"/%ff", b"/%ed%a0%80", b"/a b", b"*",
                b"index.html", b"http://localhost/", b"file:///etc/passwd", b"/#x", b"/<script>",
                b"/index.html;x", b"/INDEX.html", b"/~root", b"/.git/config", b"/a", b"/a/",
                b"/api", b"/api/v1/../../secret.txt", b"/api/v1/trial/%00", b"/api/v1/trial/..",
                b"/api/v1/%74rial/%2e%2e/x/y", b"/api/v1/trial/a%0a", b"/metrics/", b"/healthz%20",
                b"/" + b"a" * 4096, b"/" + b"a/" * 2000, b"/" + b"%61" * 1360,
                b"/api/v1/trial/" + b"k" * 4000, b"/api/v1/trial?" + b"a=b&" * 1000,
                b"/api/v1/trial?state=" + b"x" * 4096):
            with self.subTest(target[:60]):
                self.refused(self.get(target))

    def test_queries(self):
        for query in (
                b"as_of=2018-01-01&as_of=2018-01-01", b"state=a&state=b", b"=x", b"&", b"a&b", b"state",
                b"&&", b"state=%", b"state=%0", b"state=%00", b"state=%ff", b"st%00ate=x",
                b"limit=-1", b"limit=1e3", b"limit=99999999999999999999", b"limit=%31%20",
                b"limit=0x10", b"after=%00", b"in-force=tomorrow", b"nofield=1", b"where=x",
                b"known_at=99999999999999999999999", b"as_of=2018-02-30", b"as_of=", b"view=funnel",
                b"&".join(b"p%d=1" % i for i in range(60))):
            with self.subTest(query[:60]):
                self.refused(self.get(b"/api/v1/trial?" + query))
        for query in (b"from=x", b"from=-1", b"from=%00", b"last_event_id=1.5", b"nothing=1",
                      b"types=" + b",".join(b"t." for _ in range(65))):
            self.refused(self.get(b"/api/v1/events?" + query))
        self.refused(b"GET /api/v1/events HTTP/1.1\r\n" + HOST + b"Last-Event-ID: 1; DROP\r\n\r\n")

    def test_request_lines(self):
        for sent in (
                b"\r\n\r\n", b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
                b"GET / HTTP/1.1 x\r\n" + HOST + b"\r\n", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
                b"get / HTTP/1.1\r\n" + HOST + b"\r\n", b"GET / http/1.1\r\n" + HOST + b"\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 100,
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"A" * 100000, b"GET /" + b"a" * 100000,
                b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
                b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", b"G\x00T / HTTP/1.1\r\n" + HOST + b"\r\n"):
            with self.subTest(sent[:40]):
                self.refused(sent, besides=(505,))

    def test_headers(self):
        line = b"GET /healthz HTTP/1.1\r\n"
        for headers in (
                b"", HOST * 2, HOST + b"Host: evil\r\n", b"Host: evil.example\r\n",
                b"Host: localhost.evil.example\r\n", b"Host: \r\n", b"Host: [::1\r\nX: y\r\n" + HOST,
                HOST + b"X: " + b"a" * 40000 + b"\r\n", HOST + b"X: y\r\n" * 5000,
                HOST + b"A" * 40000 + b": x\r\n", HOST + b"no colon\r\n",
                HOST + b"a b: c\r\n", HOST + b"a@b: c\r\n"):
            with self.subTest(headers[:40]):
                self.refused(line + headers + b"\r\n")
        for headers in (HOST, b"Host: 127.0.0.1:8080\r\n", b"Host: [::1]:80\r\n",
                        b"hOsT: LOCALHOST:1\r\n"):
            self.assertEqual(self.status(line + headers + b"\r\n"), 200, headers)
        self.assertEqual(self.status(b"GET /healthz HTTP/1.0\r\n\r\n"), 200)

    def test_bodies_and_what_hides_behind_them(self):
        hidden = b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n"
        for headers, body in (
                (b"Content-Length: 5\r\n", b"hello"), (b"Content-Length: 0\r\n"
                                                       b"Content-Length: 60\r\n", hidden),
                (b"Content-Length: 60\r\nContent-Length: 0\r\n", hidden),
                (b"Content-Length: 60\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + hidden),
                (b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n" + hidden),
                (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n" + hidden),
                (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + hidden),
                (b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + hidden),
                (b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n" + hidden),
                (b"Content-Length: -1\r\n", hidden), (b"Content-Length: +0\r\n", hidden),
                (b"Content-Length: 99999999999999999999\r\n", hidden),
                (b"Content-Length: 0x3c\r\n", hidden), (b"Expect: 100-continue\r\n"
                                                        b"Content-Length: 9\r\n", b"")):
            for method in (b"GET", b"POST"):
                with self.subTest(headers=headers, method=method):
                    got = self.board.raw(method + b" /api/v1/ HTTP/1.1\r\n" + HOST + headers
                                         + b"\r\n" + body)
                    self.assertNotIn(b"triald_up", got)  # what hid behind it was not answered
                    self.assertNotIn(b" 100 Continue", got)
                    self.assertTrue(got == b"" or got.split(b" ", 2)[1][:1] == b"4", got[:200])

    def test_bytes_of_chance(self):
        chance = random.Random(harness.seed())
        whole = (b"GET /api/v1/trial?state=running&as_of=2018-02-28 HTTP/1.1\r\n" + HOST
                 + b"Accept: */*\r\nIf-None-Match: \"x\"\r\n\r\n")
        for _ in range(400):
            sent = bytearray(whole)
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(sent))
                sent[at:at + chance.randrange(2)] = bytes(
                    chance.choice(b"\x00\r\n %:/?&=.\xff0A") for _ in range(chance.randrange(1, 3)))
            status = self.status(bytes(sent))
            self.assertTrue(status is None or status in (200, 304, 505) or 400 <= status < 500,
                            (status, sent))

    def test_who_sends_too_slowly_is_cut(self):
        peers = [socket.create_connection(("127.0.0.1", self.board.port)) for _ in range(50)]
        for number, peer in enumerate(peers):
            peer.settimeout(harness.WAIT_S)
            peer.sendall((b"", b"GET", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n" + HOST + b"X: ",
                          b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")[number % 5])
        drip = peers[1]
        while True:  # a byte now and then does not help
            try:
                drip.sendall(b"a")
                drip.settimeout(0.05)
                if drip.recv(1) == b"":
                    break
            except TimeoutError:
                pass
            except OSError:
                break
        for peer in peers:
            peer.settimeout(harness.WAIT_S)
            try:
                while peer.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            peer.close()

    def test_who_takes_no_answer_is_cut(self):
        self.daemon.import_file()
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", self.board.port))
        self.addCleanup(peer.close)
        peer.sendall(self.get(b"/api/v1/log") * 20)  # 12 MB: more than any buffer between
        while "trialboard_questions 0\n" in self.board.ask("/metrics").body.decode():
            pass
        while "trialboard_questions 0\n" not in self.board.ask("/metrics").body.decode():
            pass  # each question is one more look at the clock

    def test_more_connections_than_there_may_be(self):
        small = Board(self.daemon, ["--connections", "40", "--streams", "8"])
        small.starts = 50
        small.start()
        self.addCleanup(small.close)
        crowd = []
        for _ in range(200):
            peer = socket.create_connection(("127.0.0.1", small.port))
            crowd.append(peer)
        for peer in crowd:
            peer.close()
        while True:
            try:
                self.assertEqual(small.ask("/healthz").status, 200)
                break
            except (http.client.HTTPException, OSError):
                pass  # the crowd has not left yet
        small.stop()


class Nonsense(Pretender):
    """What answers every request with a list."""

    def take(self, peer, message):
        self.send(peer, [1, message[1], None, [1, "two", [3], {"four": 5}]])


class HostileDaemon(unittest.TestCase):
    def test_an_answer_that_is_none_is_502(self):
        daemon = Nonsense()
        self.addCleanup(daemon.close)
        daemon.start()
        board = Board(daemon).start()
        self.addCleanup(board.close)
        for target in ("/api/v1/trial", "/api/v1/trial/x", "/api/v1/log", "/api/v1/status"):
            self.assertEqual(board.ask(target).status, 502, target)
        self.assertEqual(board.ask("/metrics").status, 200)
        board.stop()


if __name__ == "__main__":
    harness.main()

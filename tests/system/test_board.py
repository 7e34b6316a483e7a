#!/usr/bin/python3
"""trialboard answers: every address, tags, headers, errors, files, metrics."""
import gzip
import json
import os
import signal
import threading
import types
import unittest
from urllib.parse import quote

import harness
import msgpack
import zmq
from board import Board, BoardCase
from keyring import Keyring
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as old_families
from small_world import World

POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
          "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")


class Answers(harness.ImportedCase):
    """What is asked of a daemon that holds the whole programme."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.board = Board(cls.daemon).start()
        cls.addClassCleanup(cls.board.close)

    @classmethod
    def tearDownClass(cls):
        cls.board.stop()
        super().tearDownClass()

    def bytes_of(self, *arguments):
        return self.daemon.ctl(*arguments, "--json").out

    def test_rows_of_every_view_are_those_of_trialctl_to_the_byte(self):
        for view in harness.VIEWS:
            with self.subTest(view):
                body = self.board.ask(f"/api/v1/{view}").body.decode()
                rows = self.bytes_of("list", view).rstrip("\n")
                self.assertEqual(body, f'{{"view":"{view}","position":1866,"rows":{rows},'
                                       '"next":null}\n')

    def test_both_times(self):
        for view in harness.VIEWS:
            for name, value in (("as_of", "2018-02-28"), ("known_at", "900"),
                                ("as_of", "2018-02-28T12:00:00%2B01:00"),
                                ("known_at", "2000-01-01")):
                with self.subTest(view=view, name=name, value=value):
                    plain = value.replace("%2B", "+")
                    self.assertEqual(self.board.rows(f"/api/v1/{view}?{name}={value}"),
                                     self.daemon.ask("list", view,
                                                     "--" + name.replace("_", "-"), plain))

    def test_conditions(self):
        for query, words in (("state=evaluated", ["state=evaluated"]), ("missing=baseline",
                             ["missing=baseline"]), ("round=2&network=ff2-bolig",
                                                     ["round=2", "network=ff2-bolig"])):
            self.assertEqual(self.board.rows(f"/api/v1/trial?{query}"),
                             self.daemon.ask("list", "trial", *words))
        self.assertEqual(self.board.rows("/api/v1/figure?agrees=false"),
                         self.daemon.ask("list", "figure", "agrees=false"))
        self.assertTrue(self.board.rows("/api/v1/exemption?in-force=2019-01-01"))

    def test_pages_of_rows(self):
        whole = self.board.rows("/api/v1/finding")
        self.assertGreater(len(whole), 40)
        got, after = [], ""
        while after is not None:
            page = self.board.json("/api/v1/finding?limit=7" + (f"&after={quote(after)}" if after else ""))
            self.assertLessEqual(len(page["rows"]), 7)
            got += page["rows"]
            after = page["next"]
        self.assertEqual(got, whole)

    def test_one_row(self):
        row = self.board.json("/api/v1/trial/ff2-018")
        self.assertEqual((row["view"], row["position"]), ("trial", 1866))
        self.assertEqual(row["row"], self.daemon.ask("show", "trial/ff2-018"))
        self.assertEqual(self.board.json("/api/v1/trial/trial%2Fff2-018"), row)
        old = self.board.json("/api/v1/trial/ff2-018?as_of=2018-02-28")["row"]
        self.assertEqual(old, self.daemon.ask("show", "trial/ff2-018", "--as-of", "2018-02-28"))
        self.assertNotEqual(old, row["row"])
        error = self.board.json("/api/v1/trial/nobody", status=404)["error"]
        self.assertEqual(error["code"], "not-found")
        self.assertIn("nobody", error["message"])

    def test_the_log(self):
        lines = self.bytes_of("log", "--from", 100, "--limit", 20).splitlines()
        body = self.board.ask("/api/v1/log?from=100&limit=20").body.decode()
        self.assertEqual(body,
                         '{"events":[' + ",".join(lines) + '],"next":120,"head":1866}\n')
        whole, start = [], 1
        while start:
            page = self.board.json(f"/api/v1/log?from={start}")
            whole += page["events"]
            start = page["next"]
        self.assertEqual(whole, self.daemon.log())
        self.assertEqual(self.board.json("/api/v1/log?backwards=true&limit=3")["events"],
                         whole[:-4:-1])
        for query, words in (("subject=trial/ff2-018", ["--subject", "trial/ff2-018"]),
                             ("types=trial.approved,network.",
                              ["--type", "trial.approved", "--type", "network."]),
                             ("programme=ff2&as_of=2017-01-01",
                              ["--programme", "ff2", "--as-of", "2017-01-01"]),
                             ("known_at=50", ["--known-at", "50"])):
            self.assertEqual(self.board.json(f"/api/v1/log?{query}")["events"],
                             self.daemon.log(*words)[:1024], query)

    def test_catalogue_index_and_status(self):
        self.assertEqual(self.board.ask("/api/v1/catalogue").body.decode(), self.bytes_of("events"))
        index = self.board.json("/api/v1/")
        self.assertEqual([v["view"] for v in index["views"]], list(harness.ALL_VIEWS))
        for view in index["views"]:
            rows = self.board.rows(view["link"])
            self.assertTrue(set().union(*rows) <= {c["name"] for c in view["columns"]}, view)
        status = self.board.json("/api/v1/status")
        first = self.daemon.log("--limit", 1)[0]
        self.assertEqual((status["head"], status["knows_since"]), (1866, first["ingesttime"]))
        self.assertEqual(set(status["views"]), set(harness.ALL_VIEWS))

    def test_a_tag_saves_the_answer(self):
        for target in ("/api/v1/funnel", "/api/v1/trial/ff2-018", "/api/v1/log?limit=5",
                       "/api/v1/trial?as_of=2018-02-28"):
            first = self.board.ask(target)
            tag = first.headers["ETag"]
            self.assertTrue(tag.startswith('"1866-'), tag)
            self.assertEqual(first.headers["Cache-Control"], "no-cache")
            for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                again = self.board.ask(target, headers={"If-None-Match": known})
                self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", tag))
                # A length there is that of the body which was saved, or a cache cuts its own.
                self.assertEqual(int(again.headers["Content-Length"]), len(first.body))
            other = self.board.ask(target, headers={"If-None-Match": '"other"'})
            self.assertEqual((other.status, other.body), (200, first.body))
        self.assertNotEqual(self.board.ask("/api/v1/trial").headers["ETag"],
                            self.board.ask("/api/v1/trial?state=evaluated").headers["ETag"])

    def test_head_is_get_without_its_body(self):
        for target in ("/api/v1/", "/api/v1/funnel", "/api/v1/log?limit=5", "/metrics", "/healthz",
                       "/readyz", "/nowhere", "/api/v1/trial/nobody"):
            with self.subTest(target):
                get, head = self.board.ask(target), self.board.ask(target, "HEAD")
                self.assertEqual((head.status, head.body), (get.status, b""))
                self.assertEqual(head.headers["Content-Type"], get.headers["Content-Type"])
                self.assertEqual(head.headers.get("ETag"), get.headers.get("ETag"))
        head = self.board.ask("/api/v1/events", "HEAD")
        self.assertEqual((head.status, head.headers["Content-Type"]),
                         (200, "text/event-stream; charset=utf-8"))

    def test_nothing_follows_the_header_of_an_answer_to_head(self):
        for target in ("/api/v1/events", "/api/v1/events?from=1", "/api/v1/events?from=x", "/metrics"):
            with self.subTest(target):
                got = self.board.raw(f"HEAD {target} HTTP/1.1\r\nHost: localhost\r\n"
                                     "Connection: close\r\n\r\n".encode())
                self.assertEqual(got.partition(b"\r\n\r\n")[2], b"")

    def test_every_answer_keeps_the_browser_in_its_bounds(self):
        for target in ("/", "/api/v1/", "/api/v1/funnel", "/api/v1/nothing", "/metrics", "/healthz",
                       "/api/v1/trial?nofield=1"):
            headers = self.board.ask(target).headers
            self.assertEqual(headers["Content-Security-Policy"], POLICY, target)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(headers["Referrer-Policy"], "no-referrer")
            self.assertEqual(headers["Cross-Origin-Resource-Policy"], "same-origin")

    def test_no_other_origin_reads_unless_it_is_named(self):
        answer = self.board.ask("/api/v1/funnel", headers={"Origin": "https://a.example"})
        self.assertFalse([h for h in answer.headers if h.startswith("Access-Control")])
        named = Board(self.daemon, ["--allow-origin", "https://a.example"])
        named.starts = 50
        named.start()
        self.addCleanup(named.close)
        for origin, allowed in (("https://a.example", "https://a.example"),
                                ("https://b.example", None), (None, None)):
            for target in ("/api/v1/funnel", "/api/v1/trial?nofield=1"):
                answer = named.ask(target, headers={"Origin": origin} if origin else {})
                self.assertEqual(answer.headers.get("Access-Control-Allow-Origin"), allowed)
        self.assertIn("Origin", named.ask("/api/v1/funnel").headers["Vary"])
        named.stop()

    def test_what_is_wrong_is_said_as_json(self):
        for target, status, code, field in (
                ("/api/v1/trial?nofield=1", 400, "invalid", "where.nofield"),
                ("/api/v1/trial?limit=0", 400, "invalid", "limit"),
                ("/api/v1/trial?limit=x", 400, "invalid", "limit"),
                ("/api/v1/trial?as_of=yesterday", 400, "invalid", "as_of"),
                ("/api/v1/trial?as_of=2018-01-01&as_of=2019-01-01", 400, "invalid", "as_of"),
                ("/api/v1/log?backwards=maybe", 400, "invalid", "backwards"),
                ("/api/v1/log?limit=1025", 400, "invalid", "limit"),
                ("/api/v1/log?where=x", 400, "invalid", "where"),
                ("/api/v1/log?subject=TRIAL", 400, "invalid", "subject"),
                ("/api/v1/status?x=1", 400, "invalid", "x"),
                ("/api/v1/events?from=-1", 400, "invalid", "from"),
                ("/api/v1/events?subject=", 400, "invalid", "subject"),
                ("/api/v1/events?last_event_id=x", 400, "invalid", "Last-Event-ID"),
                ("/api/v1/trial?state", 400, "invalid", None),
                ("/api/v1/nothing", 404, "not-found", None),
                ("/api/v1", 404, "not-found", None),
                ("/api/v2/trial", 404, "not-found", None),
                ("/api/v1/trial/", 404, "not-found", None),
                ("/api/v1/trial/a/b", 404, "not-found", None)):
            with self.subTest(target):
                answer = self.board.ask(target)
                self.assertEqual(answer.status, status, answer)
                error = answer.json()["error"]
                self.assertEqual(set(error), {"code", "message", "detail"})
                self.assertEqual(error["code"], code, answer)
                self.assertTrue(error["message"])
                self.assertEqual(error["detail"].get("field"), field, answer)
                self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def test_only_reading(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO"):
            answer = self.board.ask("/api/v1/funnel", method)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"), method)

    def test_a_connection_serves_many_requests(self):
        connection = self.board.connection()
        connection.connect()
        port = connection.sock.getsockname()[1]
        for target in ["/api/v1/funnel", "/nowhere", "/healthz"] * 20:
            self.board.ask(target, connection=connection)
            self.assertEqual(connection.sock.getsockname()[1], port)
        connection.close()

    def test_an_answer_that_is_too_large(self):
        small = Board(self.daemon, ["--answer-bytes", "64K"])
        small.starts = 60
        small.start()
        self.addCleanup(small.close)
        answer = small.ask("/api/v1/trial")
        self.assertEqual((answer.status, answer.json()["error"]["code"]), (413, "too-large"))
        self.assertEqual(len(small.rows("/api/v1/trial?limit=10")), 10)
        small.stop()

    def families(self, **headers):
        answer = self.board.ask("/metrics", headers=headers)
        self.assertEqual(answer.status, 200)
        return answer.headers["Content-Type"], answer.body.decode()

    def test_metrics_are_read_by_prometheus_own_parser(self):
        kind, text = self.families()
        self.assertEqual(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        found = {f.name: f for f in text_string_to_metric_families(text)}
        self.assertTrue(text.endswith("# EOF\n"))
        sample = {s.name: s for f in found.values() for s in f.samples}
        self.assertEqual(sample["triald_log_size_events"].value, 1866)
        self.assertEqual(sample["triald_up"].value, 1)
        self.assertEqual(sample["triald_build_info"].labels["version"], "0.1.0")
        self.assertEqual({s.labels["view"] for s in found["triald_view_position"].samples},
                         set(harness.ALL_VIEWS))
        self.assertLessEqual({s.value for s in found["triald_view_lag_events"].samples},
                             set(range(1867)))
        self.assertEqual(found["triald_stage_seconds"].type, "histogram")
        flush = {s.labels.get("le"): s.value for s in found["triald_stage_seconds"].samples
                 if s.labels["stage"] == "flush" and s.name.endswith(("_bucket", "_count"))}
        self.assertEqual(flush["+Inf"], flush[None])
        self.assertEqual(flush[None], sample["triald_flushes_total"].value)
        self.assertEqual(sorted(map(float, set(flush) - {None, "+Inf"})),
                         [2 ** i / 1e6 for i in range(24)])
        self.assertEqual(sample["triald_appended_events_total"].value, 1866)
        self.assertEqual({s.value for s in found["triald_condition"].samples}, {0})
        self.assertEqual(found["triald_dropped"].type, "counter")
        self.assertAlmostEqual(sample["triald_start_time_seconds"].value,
                               os.stat(f"/proc/{self.daemon.process.pid}").st_ctime, delta=3600)
        for name, family in found.items():
            self.assertRegex(name, "^(triald|trialboard)_[a-z_]+$")
            self.assertTrue(family.documentation, name)
            self.assertTrue(not family.unit or name.endswith("_" + family.unit), name)
        before = self.board_answers(text)
        self.board.ask("/nowhere")
        self.assertEqual(self.board_answers(self.families()[1]).get("404"),
                         before.get("404", 0) + 1)

    @staticmethod
    def board_answers(text):
        return {s.labels["code"]: s.value for f in text_string_to_metric_families(text)
                for s in f.samples if s.name == "trialboard_answers_total"}

    def test_metrics_in_the_older_text(self):
        kind, text = self.families(Accept="text/plain;version=0.0.4")
        self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
        self.assertNotIn("# EOF", text)
        self.assertNotIn("# UNIT", text)
        older = {s.name for f in old_families(text) for s in f.samples}
        newer = {s.name for f in text_string_to_metric_families(self.families()[1])
                 for s in f.samples}
        self.assertEqual(older, newer)


class Changing(BoardCase):
    """What changes while it is asked for."""

    def test_a_tag_follows_the_log(self):
        world = World()
        self.peer.append(world.opened())
        first = self.board.ask("/api/v1/programme")
        self.assertEqual(self.board.ask(
            "/api/v1/programme", headers={"If-None-Match": first.headers["ETag"]}).status, 304)
        self.peer.append(world.activity())
        second = self.board.ask("/api/v1/programme",
                                headers={"If-None-Match": first.headers["ETag"]})
        self.assertEqual((second.status, second.json()["position"]), (200, 2))

    def test_an_empty_log(self):
        for view in harness.VIEWS:
            self.assertEqual(self.board.json(f"/api/v1/{view}"),
                             {"view": view, "position": 0, "rows": [], "next": None})
        self.assertIsNone(self.board.json("/api/v1/status")["knows_since"])
        self.assertEqual(self.board.json("/api/v1/log"), {"events": [], "next": 0, "head": 0})
        self.peer.append(World().activity())
        self.assertEqual(self.board.json("/api/v1/status")["knows_since"],
                         self.peer.read_all()[0]["ingesttime"])

    def test_many_rows_rest_on_one_position(self):
        count = 4500  # three pages
        self.fill_municipalities(0, count)
        answer = self.board.json("/api/v1/municipality")
        self.assertEqual((len(answer["rows"]), answer["position"]), (count, count))
        self.assertEqual(answer["rows"], self.peer.query_all("municipality"))
        self.assertEqual(len(self.board.rows("/api/v1/municipality?limit=3000")), 3000)

    def test_events_that_come_between_two_pages(self):
        self.fill_municipalities(0, 5000)
        done = threading.Event()

        def publish():
            with self.daemon.peer() as peer:
                for first in range(5000, 9900, 10):
                    self.fill_municipalities(first, 10, peer)
            done.set()
        writer = threading.Thread(target=publish)
        writer.start()
        try:
            seen = {5000}  # on a busy machine one answer may take as long as all the events
            while not done.is_set():
                for query in ("", "?known_at=2100-12-31"):  # a day that is not over
                    answer = self.board.json("/api/v1/municipality" + query)
                    self.assertEqual(len(answer["rows"]), answer["position"])  # one event, one row
                    seen.add(answer["position"])
        finally:
            writer.join()
        self.assertGreater(len(seen), 1)

    def fill_municipalities(self, first, count, peer=None):
        events = [{"id": f"m{i}", "source": "/dk/ministerium/indenrig", "subject":
                   f"municipality/{i:04}", "type": "municipality.registered",
                   "time": "2007-01-01T00:00:00Z", "data": {"code": f"{i:04}", "name": f"By {i}",
                                                            "region": "Sjælland"}}
                  for i in range(first, first + count)]
        for start in range(0, count, 1000):
            (peer or self.peer).append(events[start:start + 1000])

    def test_the_daemon_is_away(self):
        self.assertEqual(self.board.ask("/readyz").status, 200)
        self.daemon.stop()
        for target in ("/readyz", "/api/v1/funnel", "/api/v1/status"):
            answer = self.board.ask(target)
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "1"), target)
            self.assertEqual(answer.json()["error"]["code"], "busy")
        self.assertEqual(self.board.ask("/healthz").status, 200)
        self.assertEqual(self.board.ask("/api/v1/").status, 200)
        text = self.board.ask("/metrics").body.decode()
        samples = {s.name: s.value for f in text_string_to_metric_families(text)
                   for s in f.samples}
        self.assertEqual(samples["triald_up"], 0)
        self.assertNotIn("triald_log_size_events", samples)
        self.daemon.start()
        while self.board.ask("/readyz").status != 200:
            pass  # each try waits for the daemon by itself
        self.assertEqual(self.board.json("/api/v1/funnel")["rows"], [])
        self.peer = self.daemon.peer()

    def test_settings(self):
        def run(*arguments, environment=None):
            return harness.run(harness.program("TRIALBOARD", "trialboard"), *arguments,
                               environment=environment)
        self.assertEqual(run("--nonsense").status, 64)
        self.assertEqual(run("word").status, 64)
        self.assertIn("--head-ms", run("--help").out)
        self.assertEqual(run("--version").out, "trialboard 0.1.0\n")
        for arguments in (["--head-ms", "1"], ["--listen", "nowhere"], ["--listen", "::1:80"],
                          ["--listen", "127.0.0.1:65536"], ["--endpoint", "http://x"],
                          ["--streams", "600"], ["--url-bytes", "16K"]):
            result = run(*arguments, "--check-config")
            self.assertEqual(result.status, 78, arguments)
            self.assertIn(arguments[0].strip("-").replace("-", "_"), result.err)
        shown = run("--check-config", "--streams", "7", environment={
            "TRIALBOARD_STREAMS": "8", "TRIALBOARD_RING_BYTES": "1M",
            "TRIALD_ENDPOINT": "ipc:///a", "TRIALBOARD_NOTHING": "1"}).out
        self.assertIn("streams = 7\n", shown)
        self.assertIn("ring_bytes = 1M\n", shown)
        self.assertIn("endpoint = ipc:///a\n", shown)
        shown = run("--check-config", environment={"TRIALBOARD_ENDPOINT": "ipc:///b",
                                                   "TRIALD_ENDPOINT": "ipc:///a"}).out
        self.assertIn("endpoint = ipc:///b\n", shown)
        taken = run("--listen", f"127.0.0.1:{self.board.port}")
        self.assertEqual(taken.status, 1)
        self.assertIn("Address already in use", taken.err)


class Stalled(BoardCase):
    """The daemon stands still, and then goes on."""

    board_arguments = ("--daemon-ms", "300ms")

    def test_nobody_waits_for_ever_and_nothing_is_missed(self):
        self.peer.append(World().activities(10))
        with self.board.stream("?from=1") as stream:
            stream.events(10)
            self.daemon.process.send_signal(signal.SIGSTOP)
            try:
                for target in ("/api/v1/funnel", "/api/v1/log", "/readyz"):
                    answer = self.board.ask(target)
                    self.assertEqual((answer.status, answer.json()["error"]["code"]), (503, "busy"))
                while "away" not in stream.next("heartbeat")[2]:
                    pass
            finally:
                self.daemon.process.send_signal(signal.SIGCONT)
            while self.board.ask("/readyz").status != 200:
                pass
            self.peer.append(World("w2").activities(5))
            self.assertEqual([e["position"] for e in stream.events(5)], list(range(11, 16)))

    def test_another_address(self):
        result = harness.run(harness.program("TRIALBOARD", "trialboard"), "--listen", "[::1]:8088",
                             "--check-config")
        self.assertIn("listen = [::1]:8088\n", result.out)
        named = Board(self.daemon, ["--hosts", "board.example,other.example"])
        named.starts = 90
        named.start()
        self.addCleanup(named.close)
        for host, status in (("board.example", 200), ("Other.Example:443", 200), ("evil.example", 421),
                             ("board.example.evil.example", 421), ("", 421)):
            self.assertEqual(named.ask("/healthz", headers={"Host": host}).status, status, host)
        named.stop()


class Leaving(unittest.TestCase):
    """It is told to stop while the daemon has not answered."""

    def test_who_waits_is_told_and_nobody_is_waited_for(self):
        scratch = harness.Scratch()
        self.addCleanup(scratch.remove)
        endpoint = "ipc://" + scratch / "mute"
        with zmq.Context() as context, context.socket(zmq.ROUTER) as mute:
            mute.linger, mute.rcvtimeo = 0, harness.WAIT_S * 1000
            mute.bind(endpoint)
            board = Board(types.SimpleNamespace(scratch=scratch, endpoint=endpoint)).start()
            self.addCleanup(board.close)
            asking = board.connection()
            self.addCleanup(asking.close)
            asking.request("GET", "/api/v1/trial")
            while msgpack.unpackb(mute.recv_multipart()[-1])[2] != "query":
                pass  # it asks for more than that by itself
            board.stop()
            answer = asking.getresponse()
            self.assertEqual((answer.status, json.loads(answer.read())["error"]["code"]),
                             (503, "busy"))


class Files(unittest.TestCase):
    """The pages: a table that was read at the start."""

    def setUp(self):
        self.daemon = harness.Daemon()
        self.addCleanup(self.daemon.close)
        self.pages = self.daemon.scratch / "pages"
        os.makedirs(self.pages + "/assets")
        self.put("index.html", b"<!doctype html><title>t</title>")
        self.put("assets/app-ABCD2345.js", b"let a = 1;\n" * 500, packed=True)
        self.put("style.css", b"a{}")
        self.put("style.css.gz", b"longer than what it packs")
        self.put("../secret.txt", b"secret")
        self.board = Board(self.daemon, pages=self.pages).start()
        self.addCleanup(self.board.close)

    def put(self, name, content, packed=False):
        with open(os.path.join(self.pages, name), "wb") as file:
            file.write(content)
        if packed:
            self.put(name + ".gz", gzip.compress(content, mtime=0))

    def test_types_tags_and_caching(self):
        for target, kind, cache in (
                ("/", "text/html; charset=utf-8", "no-cache"),
                ("/index.html", "text/html; charset=utf-8", "no-cache"),
                ("/style.css", "text/css; charset=utf-8", "no-cache"),
                ("/assets/app-ABCD2345.js", "text/javascript; charset=utf-8",
                 "public, max-age=31536000, immutable")):
            answer = self.board.ask(target)
            self.assertEqual((answer.status, answer.headers["Content-Type"],
                              answer.headers["Cache-Control"]), (200, kind, cache), target)
            self.assertNotIn("Content-Encoding", answer.headers)
            again = self.board.ask(target, headers={"If-None-Match": answer.headers["ETag"]})
            self.assertEqual((again.status, again.body), (304, b""))
        self.assertEqual(self.board.ask("/?view=funnel&as_of=2018-02-28&x=%C3%A6").status, 200)

    def test_packed_where_the_browser_takes_it(self):
        target = "/assets/app-ABCD2345.js"
        plain = self.board.ask(target)
        packed = self.board.ask(target, headers={"Accept-Encoding": "br, gzip"})
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertLess(len(packed.body), len(plain.body))
        self.assertNotEqual(packed.headers["ETag"], plain.headers["ETag"])
        self.assertEqual(packed.headers["Vary"], "Accept-Encoding")
        self.assertEqual(plain.headers["Vary"], "Accept-Encoding")
        for accepted in ("gzip;q=0.5", "br;q=0, GZIP ; q=1.000"):
            answer = self.board.ask(target, headers={"Accept-Encoding": accepted})
            self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        for accepted in ("br", "gzip;q=0", "identity", "gzip; q=0", "gzip ;q=0.000, br", "not-gzip"):
            answer = self.board.ask(target, headers={"Accept-Encoding": accepted})
            self.assertNotIn("Content-Encoding", answer.headers)
        small = self.board.ask("/style.css", headers={"Accept-Encoding": "gzip"})
        self.assertEqual((small.body, "Content-Encoding" in small.headers), (b"a{}", False))

    def test_nothing_but_what_is_in_the_table(self):
        for target in ("/assets", "/assets/", "/style.css.gz", "/INDEX.HTML", "//index.html",
                       "/index.html/", "/secret.txt", "/pages/index.html"):
            self.assertEqual(self.board.ask(target).status, 404, target)
        for target in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt",
                       "/assets/%2E%2E/%2E%2E/secret.txt", "/./index.html"):
            self.assertEqual(self.board.ask(target).status, 400, target)
        for target in ("/..%2fsecret.txt", "/assets%2f..%2f..%2fsecret.txt", "/%2fetc%2fpasswd",
                       "/index.html%3f", "/assets%5c..%5csecret.txt"):
            self.assertIn(self.board.ask(target).status, (400, 404), target)

    def test_what_came_later_is_not_there(self):
        self.put("late.html", b"late")
        os.unlink(self.pages + "/style.css")
        self.assertEqual(self.board.ask("/late.html").status, 404)
        self.assertEqual(self.board.ask("/style.css").body, b"a{}")

    def test_pages_that_are_none(self):
        self.put("program.exe", b"x")
        other = harness.run(harness.program("TRIALBOARD", "trialboard"), "--listen", "127.0.0.1:0",
                            "--pages", self.pages)
        self.assertEqual(other.status, 78)
        self.assertIn("program.exe", other.err)
        bare = Board(self.daemon)
        bare.starts = 70
        bare.start()
        self.addCleanup(bare.close)
        self.assertIn("there are no pages", bare.stderr())
        self.assertEqual(bare.ask("/").status, 404)
        self.assertEqual(bare.ask("/api/v1/").status, 200)
        bare.stop()


class WithKeys(unittest.TestCase):
    """A daemon that asks for keys."""

    def test_a_gateway_says_that_its_right_is_gone_and_comes_back_with_it(self):
        ring = Keyring()
        self.addCleanup(ring.close)
        secret = ring.make("board")
        root = ring.start().peer()
        self.addCleanup(lambda: root.close())
        board = Board(ring, ["--endpoint", ring.tcp, "--key", secret, "--server-key", ring.server])
        board.start()
        self.addCleanup(board.close)
        with open(ring.certificate("board"), encoding="utf-8") as file:
            text = file.read()
        stream = board.stream()
        self.addCleanup(stream.close)
        for number, is_started_anew in enumerate((False, True)):
            stream.next("heartbeat")
            ring.forget_key("board")
            ring.wait_for_rights(root, {"root": "granted", "board": "revoked"})
            if is_started_anew:  # so the handshake itself is refused
                root.close()
                ring.kill()
                root = ring.start().peer()
            while board.ask("/readyz").status == 200:
                pass
            while board.ask("/api/v1/status").status != 403:
                pass
            ring.write("board", text)
            ring.wait_for_rights(root, {"root": "granted", "board": "granted"})
            root.append({"type": "figure.reported", "subject": "case/1", "id": str(number),
                         "source": "/dk/presse/avis", "time": "2020-01-01T00:00:00Z",
                         "data": {"metric": "m", "value": 1, "asOf": "2020-01-01", "document": "d"}})
            while stream.next("event")[2]["id"] != str(number):
                pass
            while board.ask("/readyz").status != 200:
                pass


if __name__ == "__main__":
    harness.main()

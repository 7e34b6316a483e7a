"""Who may do what: keys and local users, rights as events, and that what is taken away is gone."""
import concurrent.futures
import json
import os
import stat
import threading
import unittest

import msgpack
import zmq
import zmq.auth

import harness
from harness import Daemon, StartFailed, ctl, triald
from keyring import ALL, Everybodys, Keyring, KeyringCase, free_port

FIGURE = {"type": "figure.reported", "subject": "case/1", "time": "2020-01-01T00:00:00Z",
          "data": {"metric": "m", "value": 1, "asOf": "2020-01-01", "document": "d"}}
METHODS = {  # the least that each method takes
    "hello": {}, "status": {}, "append": {"events": [{**FIGURE, "id": "1", "source": "/a"}]},
    "read": {}, "query": {"view": "law"}, "subscribe": {}, "subscriptions": {}, "records": {},
    "ack": {"name": "n", "position": 1}, "park": {"name": "n", "position": 1, "reason": "r"},
    "parked": {"name": "n"}, "replay": {"name": "n"}, "unsubscribe": {"name": "n"}, "verify": {},
    "rebuild": {}, "metrics": {},
}
NOBODY = 65534


def figure(number, source="/dk/presse/avis"):
    return {**FIGURE, "id": str(number), "source": source}


def rows_of(what):
    """The first cells of a table that triald describes."""
    lines = triald("--describe", what).out.splitlines()[2:]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


class Keygen(unittest.TestCase):
    """The files of a key pair."""

    def setUp(self):
        self.ring = Daemon()
        self.addCleanup(self.ring.close)

    def test_a_pair_is_two_files_that_pyzmq_reads(self):
        path = self.ring.scratch / "aarhus"
        told = json.loads(ctl("keygen", path, "--role", "read publish", "--source",
                              "/dk/kommune/0751", "--json", timeout=None).out)
        public, secret = zmq.auth.load_certificate(told["secret"])
        self.assertEqual(zmq.curve_public(secret), public)
        self.assertEqual(zmq.auth.load_certificate(told["certificate"]), (public, None))
        self.assertEqual(public.decode(), told["public_key"])
        self.assertEqual(stat.S_IMODE(os.stat(told["secret"]).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(told["certificate"]).st_mode), 0o644)

    def test_a_key_is_not_written_over(self):
        path = self.ring.scratch / "aarhus"
        ctl("keygen", path, timeout=None)
        before = zmq.auth.load_certificate(path + ".key_secret")
        said = ctl("keygen", path, timeout=None, status=6)
        self.assertIn("is there already", said.err)
        self.assertEqual(zmq.auth.load_certificate(path + ".key_secret"), before)

    def test_half_a_pair_is_not_left(self):
        path = self.ring.scratch / "aarhus"
        with open(path + ".key", "w", encoding="utf-8") as file:
            file.write("mine")
        ctl("keygen", path, timeout=None, status=6)
        self.assertFalse(os.path.exists(path + ".key_secret"))

    def test_what_makes_no_sense_is_refused(self):
        path = self.ring.scratch / "aarhus"
        for arguments, sentence in ((["--role", "king"], "'king' is no role"),
                                    (["--role", "publish"], "names the sources"),
                                    (["--role", "publish", "--source", " "], "names the sources"),
                                    (["--role", ""], "gives a role at least"),
                                    (["--source", "/a" * 129], "a source has 258 bytes"),
                                    (["--source", "/a\"/b"], "hold a quote")):
            said = ctl("keygen", path, *arguments, timeout=None, status=3)
            self.assertIn("trialctl: invalid: ", said.err)
            self.assertIn(sentence, said.err)
        self.assertFalse(os.path.exists(path + ".key_secret"))

    def test_a_name_that_a_daemon_refuses_is_not_given(self):
        for name in ("Aarhus", "århus", "", ".aarhus", "-", "a b", "a\nb", "a" * 65):
            said = ctl("keygen", f"{self.ring.scratch.path}/{name}", timeout=None, status=3)
            self.assertIn("a name is 1 to 64 of a-z 0-9", said.err)
        self.assertEqual([f for f in os.listdir(self.ring.scratch.path) if ".key" in f], [])
        ctl("keygen", self.ring.scratch / ("a" * 64), timeout=None)


class Starts(unittest.TestCase):
    """What is served at all."""

    def refused(self, ring, sentence):
        with self.assertRaises(StartFailed) as failed:
            ring.start()
        self.assertEqual(failed.exception.status, 78)
        self.assertIn(sentence, failed.exception.stderr)
        self.assertFalse(os.path.exists(ring.store), "a store was made for nobody")
        ring.close()

    def test_without_a_key_of_its_own_tcp_is_not_served(self):
        for endpoint in (f"tcp://0.0.0.0:{free_port()}", f"tcp://*:{free_port()}"):
            self.refused(Daemon(arguments=["--listen", endpoint]), "the daemon has no key of its own")
        ring = Keyring()
        ring.arguments = ["--listen", ring.tcp, "--keys", ring.keys]
        self.refused(ring, "where keys tell who is who")

    def test_a_key_without_certificates_would_let_nobody_in(self):
        ring = Keyring()
        ring.arguments[ring.arguments.index("--keys") + 1] = ring.scratch / "none"
        self.refused(ring, "would let nobody in")

    def test_a_secret_that_others_can_read_is_refused(self):
        ring = Keyring()
        os.chmod(ring.secret, 0o644)
        self.refused(ring, "others may get at it")

    def test_a_key_that_is_named_must_be_there(self):
        ring = Keyring()
        os.unlink(ring.secret)
        self.refused(ring, "No such file")

    def test_a_credential_of_the_service_manager_is_the_key(self):
        ring = Keyring()
        at = ring.arguments.index("--secret-key")
        del ring.arguments[at:at + 2]
        os.mkdir(ring.scratch / "credentials")
        os.rename(ring.secret, ring.scratch / "credentials/triald.key_secret")
        ring.environment = {"CREDENTIALS_DIRECTORY": ring.scratch / "credentials"}
        secret = ring.make("reader")
        with ring, ring.key_peer(secret) as peer:
            self.assertEqual(peer.call("hello")["protocol"], 1)

    def test_a_bad_certificate_is_told_before_the_start(self):
        ring = Keyring()
        self.addCleanup(ring.close)
        command = ("--check-config", "--keys", ring.keys, "--secret-key", ring.secret)
        self.assertEqual(triald(*command).err, "")
        public = zmq.curve_keypair()[0].decode()
        curve = f'curve\n    public-key = "{public}"\n'
        for text, sentence in (
                ("metadata\n    roles = read\n" + curve, "between quotes"),
                ('metadata\n    roles = "king"\n' + curve, "'king' is no role"),
                (curve, "it gives no role"),
                ('metadata\n    roles = "publish"\n' + curve, "names no source"),
                ('metadata\n    roles = "read"\n', "it names 0"),
                ('metadata\n    roles = "read"\n    user = "1"\n' + curve, "it names 2"),
                ('metadata\n    roles = "read"\n    user = "no-such-user"\n', "there is no user"),
                ('metadata\n    roles = "read"\ncurve\n    public-key = "abc"\n', "is no key"),
                ('metadata\n    roles = "read"\n' + curve + '    secret-key = "' + public + '"\n',
                 "a secret key"),
                (f'metadata\n    roles = "read"\n    user = "{os.geteuid()}"\n', "is for already"),
        ):
            with self.subTest(sentence):
                ring.write("zz", text)
                said = triald(*command)
                self.assertIn(sentence, said.err)
                self.assertIn("zz.key", said.err)
        ring.forget_key("zz")
        ring.write("Aarhus", "")
        self.assertIn("a name is", triald(*command).err)
        ring.forget_key("Aarhus")
        os.chmod(ring.keys, 0o777)
        self.assertIn("can be written by others", triald(*command).err)
        os.chmod(ring.secret, 0o644)
        self.assertIn("others may get at it", triald(*command, status=78).err)


class Rights(KeyringCase):
    maxDiff = 4000

    def peer(self, secret):
        peer = self.ring.key_peer(secret)
        self.addCleanup(peer.close)
        return peer

    def verifications_refused(self):
        return self.root.call("metrics")["counters"]["requests"].get("verify", {}).get("busy", 0)

    def conditions(self):
        return [c["name"] for c in self.root.call("status")["conditions"]]

    def test_a_method_asks_for_the_role_of_its_row(self):
        roles = [row[0] for row in rows_of("roles")]
        secrets = {role: self.ring.make(role, role, "*") for role in roles}
        self.start()
        wanted = {row[0]: row[1] for row in rows_of("requests")}
        self.assertLessEqual(set(wanted), set(METHODS))
        for role in roles:
            peer = self.peer(secrets[role])
            for method, needs in wanted.items():
                with self.subTest(role=role, method=method):
                    try:
                        peer.call(method, **METHODS[method])
                    except Exception as error:  # the daemon's own
                        is_refused = error.code == "unauthorised"
                        if is_refused:
                            self.assertEqual(error.detail["right"], needs)
                            self.assertIn(needs, error.message)
                        self.assertEqual(is_refused, needs not in ("any", role))
                    else:
                        self.assertIn(needs, ("any", role))

    def test_a_key_publishes_as_its_sources_and_no_other(self):
        secret = self.ring.make("aarhus", "publish", "/dk/kommune/0751 /dk/netvaerk/")
        self.start()
        peer = self.peer(secret)
        for number, source in enumerate(("/dk/kommune/0751", "/dk/kommune/0751/office",
                                         "/dk/netvaerk/bolig")):
            self.assertEqual(peer.append(figure(number, source))["duplicates"], [False])
        head = self.root.call("status")["head"]
        for number, source in enumerate(("/dk/kommune/07512", "/dk/kommune/0101", "/dk/netvaerk",
                                         "/dk/regering", "/triald")):
            error = peer.fails("append", events=[figure(0, "/dk/kommune/0751"),
                                                 figure(100 + number, source)])
            self.assertEqual((error.code, error.detail["index"], error.detail["field"],
                              error.detail["right"]), ("unauthorised", 1, "source", "publish"))
        self.assertEqual(self.root.call("status")["head"], head)

    def test_nobody_speaks_for_the_daemon(self):
        self.start()
        granted = {"id": "x", "source": "/triald", "type": "right.granted", "subject": "key/me",
                   "time": "2020-01-01T00:00:00Z", "data": {"uid": 1, "roles": ["read"]}}
        head = self.root.call("status")["head"]
        for event in (granted, {**granted, "source": "/dk/ministerium/x"},
                      {**figure(1), "subject": "key/root"}, {**figure(1), "source": "/triald"}):
            error = self.root.fails("append", events=[event])
            self.assertEqual((error.code, error.detail["rule"]), ("refused", "not-authorised"))
        self.assertEqual(self.root.call("status")["head"], head)
        # What was exported is known when it is imported again.
        exported = self.ring.ctl("export", "--format", "ndjson").out
        done = self.ring.ctl("import", "-", "--json", stdin=exported)
        self.assertEqual(json.loads(done.out)["duplicates"], head)

    def test_rights_are_events_and_a_question_to_the_log(self):
        self.ring.make("aarhus", "read publish", "/dk/kommune/0751")
        self.start()
        rows = {row["name"]: row for row in self.root.query_all("right")}
        self.assertEqual(set(rows), {"root", "aarhus"})
        self.assertEqual(rows["aarhus"]["roles"], ["read", "publish"])
        self.assertEqual(rows["aarhus"]["sources"], ["/dk/kommune/0751"])
        self.assertEqual(rows["root"]["uid"], os.geteuid())
        self.assertEqual(self.ring.ask("show", "key/aarhus"), rows["aarhus"])
        self.assertRegex(self.ring.ctl("show", "key/aarhus").out, r"(?m)^state +granted$")
        self.assertIn("nothing is known of key/nobody",
                      self.ring.ctl("show", "key/nobody", status=5).err)
        events = self.root.read_all(subject="key/aarhus")
        self.assertEqual([(e["type"], e["source"], e["revision"]) for e in events],
                         [("right.granted", "/triald", 1)])
        self.assertEqual(events[0]["data"]["fingerprint"], rows["aarhus"]["fingerprint"])
        self.ring.forget_key("aarhus")
        self.ring.wait_for_rights(self.root, {"root": "granted", "aarhus": "revoked"})
        self.assertEqual([e["type"] for e in self.root.read_all(subject="key/aarhus")],
                         ["right.granted", "right.revoked"])
        then = self.root.query_all("right", as_of=events[0]["time"], key="aarhus")
        self.assertEqual([row["state"] for row in then], ["granted"])
        shown = self.ring.ask("list", "right", "state=revoked")
        self.assertEqual([(r["name"], r["reason"]) for r in shown],
                         [("aarhus", "its certificate is gone")])
        self.assertIn("aarhus", self.ring.ctl("list", "right").out)
        self.assertEqual(self.root.call("verify")["bad"], 0)

    def test_a_start_finds_out_what_changed_and_repeats_nothing(self):
        self.ring.make("aarhus")
        self.ring.make("odense")
        self.start()
        head = self.root.call("status")["head"]
        self.root.close()
        self.ring.kill()
        self.start()
        self.assertEqual(self.root.call("status")["head"], head)
        self.root.close()
        self.ring.stop()
        self.ring.forget_key("aarhus")
        self.ring.make("vejle")
        self.start()
        states = {r["name"]: r["state"] for r in self.root.query_all("right")}
        self.assertEqual(states, {"root": "granted", "aarhus": "revoked", "odense": "granted",
                                  "vejle": "granted"})
        self.assertEqual(self.root.call("status")["head"], head + 2)

    def test_many_certificates_are_each_said_once(self):
        # More than one answer of the view holds, and more than one turn logs.
        count = 300
        for number in range(count):
            self.ring.local(f"u{number:03}", 100000 + number, "read publish", f"/dk/{number:060}")
        self.ring.arguments += ["--request-bytes", "8K", "--event-bytes", "4K"]
        self.start()
        head = self.root.call("status")["head"]
        self.assertEqual(head, count + 1)
        self.root.close()
        self.ring.stop()
        self.ring.forget_key("u299")
        self.start()
        self.assertEqual(self.root.call("status")["head"], head + 1)
        self.assertEqual([r["state"] for r in self.root.query_all("right", key="u299")], ["revoked"])

    def test_what_is_revoked_is_gone_for_open_sessions_too(self):
        secret = self.ring.make("reader", "read publish", "/dk/presse/")
        other = self.ring.make("other", "read")
        self.start()
        peer, left = self.peer(secret), self.peer(other)
        peer.append(figure(1))
        subscription = peer.call("subscribe", **{"from": 1})["subscription"]
        kept = left.call("subscribe", **{"from": 1})["subscription"]
        peer.call("subscribe", name="worker")
        feed = zmq.Context.instance().socket(zmq.SUB)
        self.addCleanup(feed.close)
        feed.linger, feed.rcvtimeo = 0, 120000
        feed.curve_publickey, feed.curve_secretkey, feed.curve_serverkey = peer.keys
        feed.subscribe(b"figure")
        feed.connect(self.ring.tcp_feed)
        number = 2
        while not feed.poll(50):  # until the subscription has reached the daemon
            peer.append(figure(number))
            number += 1
        feed.recv_multipart()
        self.ring.forget_key("reader")
        while True:
            method, params = peer.note("ended", "events", "live", "heartbeat")
            if method == "ended" and params["subscription"] == subscription:
                break
        self.assertIn("revoked", params["reason"])
        self.assertEqual(params["code"], "unauthorised")
        for method in ("hello", "status", "read", "append", "subscribe"):
            self.assertEqual(peer.fails(method, **METHODS[method]).code, "unauthorised")
        self.root.append(figure(900))
        while left.note("events")[1]["events"][-1]["id"] != "900":
            pass
        self.assertEqual(kept, 2)
        # What came before it was cut off may still lie there; what came after it does not.
        while feed.poll(300):
            told = msgpack.unpackb(feed.recv_multipart()[1])
            self.assertNotEqual(told[2][0]["events"][0]["id"], "900")
        found = {s["name"]: s for s in self.root.call("subscriptions")["subscriptions"]}
        self.assertNotIn("client", found["worker"])  # the name is free for another

    def test_what_was_revoked_while_it_waited_is_refused_and_counts_no_more(self):
        secret = self.ring.make("auditor", "audit read")
        self.start()
        self.root.append([figure(number) for number in range(1000)])
        peer = self.ring.key_peer(secret, receive_limit=1)
        self.addCleanup(peer.close)
        asked = [peer.send("read", {"from": 1}) for _ in range(150)] + [peer.send("verify")]
        asked += [peer.send("query", {"view": "law"}) for _ in range(4096)] + [peer.send("verify")]
        while self.verifications_refused() == 0:
            pass  # until the last is there, behind more than may wait
        self.assertIn("verifying", self.conditions())
        self.ring.forget_key("auditor")
        while {r["name"]: r["state"] for r in self.root.query_all("right")}["auditor"] == "granted":
            pass
        refused = []
        for msgid in asked:
            try:
                peer.result(msgid)
            except harness.WireError as error:
                self.assertIn(error.code, ("unauthorised", "busy"))
                refused.append(msgid)
        self.assertLessEqual({asked[150], asked[-1]}, set(refused))
        self.assertNotIn("verifying", self.conditions())
        self.assertEqual(self.root.call("metrics")["gauges"]["reader_jobs"], 0)

    def test_who_may_still_listen_comes_back_to_the_feed(self):
        secret = self.ring.make("reader")
        self.ring.make("other")
        self.start()
        public, own = zmq.auth.load_certificate(secret)
        feed = zmq.Context.instance().socket(zmq.SUB)
        self.addCleanup(feed.close)
        feed.linger = 0
        feed.curve_publickey, feed.curve_secretkey = public, own
        feed.curve_serverkey = zmq.auth.load_certificate(self.ring.server)[0]
        feed.subscribe(b"figure")
        feed.connect(self.ring.tcp_feed)
        number = 0
        for change in (lambda: None, lambda: self.ring.forget_key("other")):
            change()
            if number:
                self.ring.wait_for_rights(self.root, {"root": "granted", "reader": "granted",
                                                      "other": "revoked"})
                while feed.poll(300):
                    feed.recv_multipart()
            while not feed.poll(50):
                number += 1
                self.root.append(figure(number))

    def test_who_watches_the_feed_is_told_when_it_may_no_longer(self):
        secret = self.ring.make("watcher")
        self.start()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            watching = pool.submit(self.ring.key_ctl, secret, "watch", "--feed", self.ring.tcp_feed,
                                   status=7)
            while "status" not in self.root.call("metrics")["counters"]["requests"]:
                pass  # it listens before it asks for that
            self.ring.forget_key("watcher")
            self.assertIn("refuses this key", watching.result().err)

    def test_who_follows_is_told_when_it_may_no_longer(self):
        secret = self.ring.make("follower")
        self.start()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            following = pool.submit(self.ring.key_ctl, secret, "log", "--follow", status=7)
            while self.root.call("metrics")["gauges"]["subscriptions"] == 0:
                pass
            self.ring.forget_key("follower")
            self.assertIn("refuses this key", following.result().err)

    def test_other_roles_count_from_the_moment_they_are_logged(self):
        secret = self.ring.make("aarhus", "read")
        self.start()
        peer = self.peer(secret)
        self.assertEqual(peer.fails("verify").code, "unauthorised")
        peer.call("subscribe", **{"from": 1})
        with open(self.ring.certificate("aarhus"), encoding="utf-8") as file:
            text = file.read()
        self.ring.write("aarhus", text.replace('roles = "read"', 'roles = "read audit"'))
        while True:
            try:
                self.assertEqual(peer.call("verify")["bad"], 0)
                break
            except Exception as error:
                self.assertEqual(error.code, "unauthorised")
        events = self.root.read_all(subject="key/aarhus")
        self.assertEqual([e["data"]["roles"] for e in events], [["read"], ["read", "audit"]])
        # What it read goes on: its right to was never taken.
        self.root.append(figure(900))
        while peer.note("events")[1]["events"][-1]["id"] != "900":
            pass

    def test_a_certificate_that_turns_bad_gives_nothing_and_is_told_of(self):
        secret = self.ring.make("aarhus")
        other = self.ring.make("odense")
        self.start()
        with open(self.ring.certificate("aarhus"), encoding="utf-8") as file:
            text = file.read()
        self.ring.write("aarhus", "metadata\n    roles = king\n")
        self.ring.wait_for_rights(self.root, {"root": "granted", "aarhus": "revoked",
                                              "odense": "granted"})
        names = [c["name"] for c in self.root.call("status")["conditions"]]
        self.assertIn("keys-refused", names)
        self.assertEqual(self.peer(other).call("hello")["protocol"], 1)
        self.ring.write("aarhus", text)
        self.ring.wait_for_rights(self.root, {"root": "granted", "aarhus": "granted",
                                              "odense": "granted"})
        self.assertEqual(self.peer(secret).call("hello")["protocol"], 1)
        names = [c["name"] for c in self.root.call("status")["conditions"]]
        self.assertNotIn("keys-refused", names)

    def test_a_pipe_among_the_certificates_holds_nobody_up(self):
        secret = self.ring.make("aarhus", is_known=False)
        self.start()
        os.mkfifo(self.ring.certificate("pipe"))
        while not self.root.call("status")["conditions"]:
            pass
        detail = self.root.call("status")["conditions"][0]["detail"]
        self.assertIn("pipe.key' is no plain file", detail)
        os.link(self.ring.scratch / "aarhus.key", self.ring.certificate("aarhus"))
        self.ring.wait_for_rights(self.root, {"root": "granted", "aarhus": "granted"})
        self.assertEqual(self.peer(secret).call("hello")["protocol"], 1)

    def test_without_the_directory_nobody_has_any_right(self):
        self.start()
        os.rename(self.ring.keys, self.ring.keys + ".away")
        while True:
            try:
                self.root.call("status")
            except Exception as error:
                self.assertEqual(error.code, "unauthorised")
                break
        os.rename(self.ring.keys + ".away", self.ring.keys)
        while True:
            try:
                self.root.call("status")
                break
            except Exception as error:
                self.assertEqual(error.code, "unauthorised")

    def test_another_directory_at_the_path_is_noticed(self):
        # Nothing happens in the directory itself: one above it goes, or a link leads elsewhere.
        above = self.ring.scratch / "above"
        os.mkdir(above)
        os.rename(self.ring.keys, os.path.join(above, "keys"))
        self.ring.keys = os.path.join(above, "keys")
        self.ring.arguments[self.ring.arguments.index("--keys") + 1] = self.ring.scratch / "link/keys"
        os.symlink(above, self.ring.scratch / "link")
        self.start()
        os.rename(above, above + ".away")
        self.ring.wait_until_refused(self.root)
        os.rename(above + ".away", above)
        self.ring.wait_until_served(self.root)
        os.mkdir(self.ring.scratch / "other")
        os.mkdir(self.ring.scratch / "other/keys")
        os.symlink(self.ring.scratch / "other", self.ring.scratch / "new")
        os.rename(self.ring.scratch / "new", self.ring.scratch / "link")
        self.ring.wait_until_refused(self.root)

    def test_where_the_log_takes_nothing_a_revocation_counts_and_a_grant_does_not(self):
        gone = self.ring.make("gone")
        self.start()
        self.root.close()
        self.ring.stop()
        self.ring.forget_key("gone")
        new = self.ring.make("new")
        self.ring.arguments += ["--reserve-bytes", "1T"]
        self.start()
        status = self.root.call("status")
        self.assertIn("rights-wait", [c["name"] for c in status["conditions"]])
        for secret in (gone, new):
            said = self.ring.key_ctl(secret, "status", status=7)
            self.assertIn("refuses this key", said.err)

    @unittest.skipUnless(os.geteuid() == 0, "only root runs programs as others")
    def test_a_user_is_known_by_the_kernel(self):
        self.ring.local("nobody", NOBODY, "read")
        self.ring.local("group", 12345, "audit", kind="group")
        self.start()
        os.chmod(self.ring.scratch / "s", 0o777)
        trialctl = Everybodys(self.ring.scratch)

        def ask(uid, gid, *words):
            return trialctl.run(uid, gid, *words, "--endpoint", self.ring.endpoint)

        self.assertEqual(ask(NOBODY, NOBODY, "log").returncode, 0)
        said = ask(NOBODY, NOBODY, "verify")
        self.assertEqual(said.returncode, 7)
        self.assertIn("needs the right to audit; 'nobody' has: read", said.stderr)
        self.assertEqual(ask(1234, 12345, "verify").returncode, 0)
        self.assertEqual(ask(1234, 12345, "log").returncode, 7)
        said = ask(1234, 1234, "status")
        self.assertEqual(said.returncode, 7)
        self.assertIn("uid 1234 (gid 1234) has no rights here", said.stderr)

    def test_a_wrong_key_is_told_so(self):
        known = self.ring.make("known")
        unknown = self.ring.make("unknown", is_known=False)
        self.start()
        self.ring.key_ctl(known, "status")
        for asked in (["status"], ["log"], ["log", "--follow"]):
            said = self.ring.key_ctl(unknown, *asked, status=7, timeout="60s")
            self.assertIn("refuses this key", said.err)
        said = self.ring.key_ctl(known, "status", status=7, server=self.ring.scratch / "unknown.key")
        self.assertIn("does not answer to this server key", said.err)
        said = self.ring.ctl("status", "--endpoint", self.ring.tcp, status=7)
        self.assertIn("asks for a key", said.err)
        said = self.ring.ctl("status", "--endpoint", self.ring.tcp, "--key", known, status=3)
        self.assertIn("server key", said.err)

    def test_keys_by_variables_serve_every_verb(self):
        secret = self.ring.make("all", ALL, "*")
        self.start()
        variables = {"TRIALD_ENDPOINT": self.ring.tcp, "TRIALD_KEY": secret,
                     "TRIALD_SERVER_KEY": zmq.auth.load_certificate(self.ring.server)[0].decode()}
        self.ring.ctl("publish", "--type", "figure.reported", "--subject", "case/9", "--source",
                      "/dk/presse/x", "metric=m", "value=1", "asOf=2020-01-01", "document=d",
                      environment=variables)
        for verb in (["log"], ["verify"], ["rebuild"], ["list", "right"], ["list", "subscription"],
                     ["backup", self.ring.scratch / "backup"]):
            self.ring.ctl(*verb, environment=variables)

    def test_hangup_reads_the_directory_again(self):
        self.start()
        secret = self.ring.make("late")
        self.ring.process.send_signal(1)
        self.ring.wait_for_rights(self.root, {"root": "granted", "late": "granted"})
        self.assertEqual(self.peer(secret).call("hello")["protocol"], 1)

    def test_hangups_without_end_leave_time_for_requests(self):
        self.start()
        is_done = threading.Event()

        def storm():
            while not is_done.is_set():
                self.ring.process.send_signal(1)

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            for number in range(100):
                self.assertEqual(self.root.append(figure(number))["duplicates"], [False])
        finally:
            is_done.set()
            thread.join()


if __name__ == "__main__":
    unittest.main()

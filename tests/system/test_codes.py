#!/usr/bin/python3
"""The codes that no request by itself provokes: the disk has no room, a peer asks for too much, the
store was damaged. Whatever it is, the rest of the daemon goes on."""
import harness


def registered(number):
    """A municipality enters; its name stands in its record and in its state."""
    code = f"{number:04}"
    return {"id": f"m{number}", "source": "/dk/ministerium/indenrig",
            "type": "municipality.registered", "subject": f"municipality/{code}",
            "time": "2016-01-15T09:00:00Z",
            "data": {"code": code, "name": f"Municipality-{code}-Æøå", "region": "R"}}


class NoSpace(harness.DaemonCase):
    arguments = ("--reserve-bytes", "1048576M")

    def test_too_little_free_space_refuses_appends_and_not_reads(self):
        error = self.peer.fails("append", events=[registered(1)])
        self.assertEqual(error.code, "no-space", error)
        self.assertEqual(self.peer.call("status")["head"], 0)
        self.assertEqual(self.peer.call("query", view="municipality")["rows"], [])
        result = self.daemon.ctl("publish", "--type", "municipality.registered", "--subject",
                                 "municipality/0101", "--source", "/dk/ministerium/x", "code=0101",
                                 "name=A", "region=B", status=6)
        self.assertIn("no-space", result.err)


class Busy(harness.DaemonCase):
    def test_a_peer_has_a_bounded_number_of_subscriptions(self):
        for _ in range(64):
            self.peer.call("subscribe", credit=0)
        error = self.peer.fails("subscribe", credit=0)
        self.assertEqual(error.code, "busy", error)
        with self.daemon.peer() as other:
            self.assertIn("subscription", other.call("subscribe", credit=0))


class Storage(harness.DaemonCase):
    def damage(self, words):
        """Flip a bit wherever these bytes stand in LMDB's file."""
        path = f"{self.daemon.store}/lmdb/data.mdb"
        with open(path, "rb") as file:
            data = bytearray(file.read())
        at, found = data.find(words), 0
        while at >= 0:
            data[at] ^= 1
            found += 1
            at = data.find(words, at + 1)
        self.assertGreater(found, 0)
        with open(path, "wb") as file:
            file.write(data)

    def test_damage_is_named_and_everything_else_is_served(self):
        self.peer.append([registered(number) for number in range(1, 40)])
        self.peer.close()
        self.daemon.stop()
        self.damage("Municipality-0017-".encode())
        self.daemon.start()
        self.peer = self.daemon.peer()
        self.addCleanup(self.peer.close)
        error = self.peer.fails("read", **{"from": 17, "limit": 1})
        self.assertEqual(error.code, "storage", error)
        self.assertIn("17", error.message)
        error = self.peer.fails("query", view="municipality", key="0017")
        self.assertEqual(error.code, "storage", error)
        self.assertEqual(self.peer.call("verify")["bad"], 17)
        self.daemon.ctl("verify", status=8)
        self.assertEqual(len(self.peer.call("read", **{"from": 18})["events"]), 22)
        row = self.peer.call("query", view="municipality", key="0018")["rows"][0]
        self.assertEqual(row["name"], "Municipality-0018-Æøå")
        self.assertEqual(self.peer.append(registered(41))["first"], 40)


if __name__ == "__main__":
    harness.main()

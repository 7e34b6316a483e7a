#!/usr/bin/python3
"""The event itself over the wire: two spellings of one event are one, and what it shows by itself
to be wrong is refused by name."""
import struct

import msgpack

import harness
from small_world import changed, without
from test_protocol import FRAME_FAULTS, ProtocolCase


class Spelling(ProtocolCase):
    """Two MessagePack spellings of one event are one event."""

    def setUp(self):
        super().setUp()
        self.event = self.world.activity(n=3, f=1.5, m={"b": 1, "a": 2})
        self.packed = msgpack.packb(self.event)
        self.assertEqual(self.append_raw(self.packed)["duplicates"], [False])

    def respelled(self, old, new):
        self.assertEqual(self.packed.count(old), 1, old)
        return self.packed.replace(old, new)

    def test_other_spellings_are_duplicates(self):
        spellings = {
            "uint8": self.respelled(b"\xa1n\x03", b"\xa1n\xcc\x03"),
            "uint16": self.respelled(b"\xa1n\x03", b"\xa1n\xcd\x00\x03"),
            "uint64": self.respelled(b"\xa1n\x03", b"\xa1n\xcf" + bytes(7) + b"\x03"),
            "int8": self.respelled(b"\xa1n\x03", b"\xa1n\xd0\x03"),
            "int64": self.respelled(b"\xa1n\x03", b"\xa1n\xd3" + bytes(7) + b"\x03"),
            "str8 key": self.respelled(b"\xa1n\x03", b"\xd9\x01n\x03"),
            "str32 key": self.respelled(b"\xa1n\x03", b"\xdb\x00\x00\x00\x01n\x03"),
            "float32": self.respelled(b"\xcb" + struct.pack(">d", 1.5),
                                      b"\xca" + struct.pack(">f", 1.5)),
            "map16": self.respelled(b"\xa1m\x82", b"\xa1m\xde\x00\x02"),
            "map32": self.respelled(b"\xa1m\x82", b"\xa1m\xdf\x00\x00\x00\x02"),
            "keys the other way": msgpack.packb({k: self.event[k]
                                                 for k in reversed(list(self.event))}),
            "inner keys the other way": msgpack.packb(changed(self.event,
                                                              data={"m": {"a": 2, "b": 1}})),
            "with specversion": msgpack.packb({**self.event, "specversion": "1.0"})}
        for name, packed in spellings.items():
            with self.subTest(spelling=name):
                self.assertEqual(self.append_raw(packed)["duplicates"], [True])
        self.assertEqual(self.peer.call("status")["head"], 1)

    def test_a_number_stays_what_it_was(self):
        for packed in (self.respelled(b"\xa1n\x03", b"\xa1n\xcb" + struct.pack(">d", 3.0)),
                       self.respelled(b"\xa1n\x03", b"\xa1n\xa13"),
                       self.respelled(b"\xa1n\x03", b"\xa1n\xfd")):
            with self.assertRaises(harness.WireError) as caught:
                self.append_raw(packed)
            self.assertEqual(caught.exception.code, "duplicate-conflict")

    def test_what_has_no_canonical_form_is_refused(self):
        fresh = msgpack.packb(changed(self.event, id="fresh"))
        for name, value in {"bin": b"\xc4\x01x", "ext": b"\xd4\x01x", "timestamp": b"\xd6\xff"
                            + bytes(4),
                            "nan": b"\xcb" + struct.pack(">d", float("nan")),
                            "infinity": b"\xcb" + struct.pack(">d", float("inf")),
                            "nan32": b"\xca" + struct.pack(">f", float("nan"))}.items():
            with self.subTest(value=name), self.assertRaises(harness.WireError) as caught:
                self.append_raw(fresh.replace(b"\xa1n\x03", b"\xa1n" + value))
            self.assertIn(caught.exception.code, FRAME_FAULTS, name)

    def test_a_key_twice_is_malformed(self):
        fresh = msgpack.packb(changed(self.event, id="fresh"))
        twice = fresh.replace(b"\xa1m\x82\xa1b\x01\xa1a\x02", b"\xa1m\x82\xa1a\x01\xa1a\x02")
        spelled = fresh.replace(b"\xa1m\x82\xa1b\x01\xa1a\x02", b"\xa1m\x82\xa1a\x01\xd9\x01a\x02")
        for packed in (twice, spelled):
            self.assertNotEqual(packed, fresh)
            with self.assertRaises(harness.WireError) as caught:
                self.append_raw(packed)
            self.assertEqual(caught.exception.code, "malformed")

    def test_keys_that_are_no_text_are_refused(self):
        fresh = msgpack.packb(changed(self.event, id="fresh"))
        packed = fresh.replace(b"\xa1m\x82\xa1b\x01", b"\xa1m\x82\x07\x01")
        self.assertNotEqual(packed, fresh)
        with self.assertRaises(harness.WireError) as caught:
            self.append_raw(packed)
        self.assertIn(caught.exception.code, FRAME_FAULTS)

    def test_text_is_valid_utf8_without_nul(self):
        fresh = changed(self.event, id="fresh")
        for raw in (b"\xa1\xff", b"\xa2\xc0\x80", b"\xa3\xed\xa0\x80", b"\xa2\xc3\x28",
                    b"\xa4\xf5\x80\x80\x80", b"\xa1\x00"):
            with self.subTest(text=raw), self.assertRaises(harness.WireError) as caught:
                self.append_raw(msgpack.packb(fresh).replace(b"\xa1n\x03", b"\xa1n" + raw))
            self.assertEqual((caught.exception.code, caught.exception.detail["rule"]),
                             ("malformed", "bad-utf8"))


class Envelope(ProtocolCase):
    """What the event alone shows."""

    def test_missing_members(self):
        for name in ("id", "source", "type", "subject", "time", "data"):
            with self.subTest(missing=name):
                error = self.refuses_event("invalid", without(self.world.activity(), name))
                self.assertEqual((error.detail["rule"], error.detail["field"]),
                                 ("missing-field", name))

    def test_members_of_wrong_type(self):
        for name, value in (("id", 5), ("source", 5), ("type", 5), ("subject", []), ("time", 5),
                            ("data", []),
                            ("data", "x"), ("specversion", 1)):
            with self.subTest(name=name, value=value):
                error = self.refuses_event("invalid",
                                           changed(self.world.activity(), **{name: value})
                                           if name != "data"
                                           else {**self.world.activity(), "data": value})
                self.assertEqual(error.detail["rule"], "wrong-type")

    def test_other_specversions_are_refused(self):
        self.refuses_event("invalid", {**self.world.activity(), "specversion": "0.3"})

    def test_times(self):
        good = ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00.123456789Z",
                "2020-02-29T23:59:59+14:00",
                "1900-01-01T00:00:00Z", "2100-12-31T23:59:59Z", "2020-01-01T00:00:00-00:30")
        for time in good:
            self.peer.append(self.world.activity(time=time))
        self.assertEqual([e["time"] for e in self.peer.call("read")["events"]], list(good))
        for time in ("2020-01-01", "2020-01-01T00:00:00", "2020-02-30T00:00:00Z",
                     "2019-02-29T00:00:00Z",
                     "2020-13-01T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T00:60:00Z",
                     "2020-01-01T00:00:00.1234567890Z", "2020-01-01T00:00:00.Z",
                     "1899-12-31T23:59:59Z",
                     "2101-01-01T00:00:00Z", "2020-01-01T00:00:00+25:00", "yesterday", "",
                     " 2020-01-01T00:00:00Z",
                     "2020-1-1T00:00:00Z", "2020-01-01T00:00:00ZZ"):
            with self.subTest(time=time):
                self.assertEqual(self.refuses_event("invalid",
                                                    self.world.activity(time=time)).detail["rule"],
                                 "bad-time")

    def test_subjects(self):
        for subject in ("case", "case/", "/x", "Case/x", "case/-x", "case/X", "case/x y", "case/æ",
                        "ca5e/x", ""):
            with self.subTest(subject=subject):
                self.refuses_event("invalid", changed(self.world.activity(), subject=subject))
        self.refuses_event("invalid", changed(self.world.activity(), subject="trial/x"))
        self.refuses_event("invalid", changed(self.world.agreed(), subject="network/w1"))

    def test_control_characters_in_names(self):
        for name in ("id", "source", "type", "subject"):
            for bad in ("a\nb", "a\x01b", "a\x7fb"):
                with self.subTest(name=name, bad=bad):
                    error = self.peer.fails("append",
                                            events=[changed(self.world.activity(), **{name: bad})])
                    self.assertIn(error.code, ("invalid", "malformed", "unknown-type"))

    def test_unknown_types(self):
        for kind in ("trial.invented", "trial.", "", "Trial.approved", "activity.completed.v2"):
            with self.subTest(type=kind):
                error = self.peer.fails("append",
                                        events=[changed(self.world.activity(), type=kind)])
                self.assertEqual((error.code, error.detail["rule"]),
                                 ("unknown-type", "unknown-type"))

    def test_unknown_fields_of_data_are_kept(self):
        event = changed(self.world.agreed(), data={"surprise": {"nested": [1, "x"]}, "cite": "here",
                                                   "datePrecision": "year"})
        self.peer.append(event)
        self.assertEqual(harness.bare(self.peer.call("read")["events"][0]), event)

    def test_fields_of_data(self):
        self.peer.append(self.world.foundation())
        submitted = self.world.step("submitted")[0]
        cases = [({"title": None}, "missing-field", "title"), ({"title": 5}, "wrong-type", "title"),
                 ({"round": "1"}, "wrong-type", "round"), ({"round": 1.5}, "wrong-type", "round"),
                 ({"participants": "0101"}, "wrong-type", "participants"),
                 ({"route": "by-luck"}, None, "route"),
                 ({"participants": ["101"]}, None, "participants"),
                 ({"participants": [101]}, None, "participants"),
                 ({"participants": []}, None, "participants"),
                 ({"participants": ["0101", "0101"]}, None, "participants"),
                 ({"requestedExemptions": [{"act": "A"}]}, "missing-field", "ministry"),
                 ({"requestedExemptions": {}}, "wrong-type", "requestedExemptions"),
                 ({"provenance": "rumour"}, None, "provenance"),
                 ({"datePrecision": "week"}, None, "datePrecision")]
        for data, rule, field in cases:
            with self.subTest(data=data):
                error = self.refuses_event("invalid", changed(submitted, data=data))
                self.assertIn(field, error.detail["field"])
                if rule:
                    self.assertEqual(error.detail["rule"], rule)
        self.peer.append(changed(submitted, data={"route": None}), dry_run=True)
        self.assertEqual(self.peer.append(submitted, dry_run=True)["warnings"], [])

    def test_dates_and_numbers_of_data(self):
        figure = self.world.about_programme("figure.reported", "2018-01-01T00:00:00Z", "/anyone",
                                            metric="m", value=5,
                                            asOf="2018-01-01", document="d")
        self.peer.append([self.world.agreed(), figure])
        for day in ("2018-02-30", "2018-1-1", "2018-01-01T00:00:00Z", "18-01-01", ""):
            error = self.refuses_event("invalid", changed(figure, id="f2", data={"asOf": day}))
            self.assertEqual(error.detail["rule"], "bad-time", day)
        self.assertEqual(self.refuses_event(
            "invalid", changed(figure, id="f2", data={"value": "5"})).detail["rule"], "wrong-type")
        self.peer.append([changed(figure, id="f3", data={"value": 5.25}),
                          changed(figure, id="f4", data={"value": -5})])


if __name__ == "__main__":
    harness.main()

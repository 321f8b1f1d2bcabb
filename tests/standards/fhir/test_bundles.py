"""Bundles in parts: each resource keeps the bytes that were sent."""

from __future__ import annotations

import pytest

from lienmach.standards.fhir import bundles, json

BUNDLE = b"""{"resourceType":"Bundle", "type":"transaction",
 "entry" : [ {"fullUrl":"urn:uuid:1","resource": {"resourceType" : "Patient","x":1.00 },
   "request":{"method":"POST","url":"Patient"}} , {"request":{"method":"DELETE","url":"Patient/1"}} ],
 "signature":{}}"""


def test_a_bundle_is_split_into_the_bytes_of_its_resources() -> None:
    parts = bundles.split(BUNDLE)
    assert [entry.resource for entry in parts.entries] == [b'{"resourceType" : "Patient","x":1.00 }', None]
    assert [entry.full_url for entry in parts.entries] == ["urn:uuid:1", ""]
    assert parts.entries[1].request == {"method": "DELETE", "url": "Patient/1"}
    assert parts.envelope["type"] == "transaction" and "signature" in parts.envelope
    assert "resource" not in parts.envelope["entry"][0]


def test_a_bundle_without_entries_has_none() -> None:
    assert bundles.split(b'{"resourceType":"Bundle","type":"batch"}').entries == []
    assert bundles.split(b'\xef\xbb\xbf{"entry":[ ]}').entries == []


@pytest.mark.parametrize(
    "data",
    [
        b'{"entry":[{"resource":{"a":1},"resource":{"a":1}}]}',
        b'{"entry":[],"entry":[]}',
        b'{"entry":[{"fullUrl":"a","fullUrl":"b","resource":{}}]}',
        b'{"entry":[{"request":{"url":"a","url":"b"}}]}',
        b'{"type":"a","\\u0074ype":"b","entry":[]}',
        b'{"entry":{}}',
        b'{"entry":null}',
        b'{"entry":[1]}',
        b'{"entry":[null]}',
        b"[]",
        b"",
        b"\xff",
        b'{"entry":[{]}',
        b'{"entry":[' + b'{"a":' * 100_000,
    ],
)
def test_a_bundle_that_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(json.JsonError):
        bundles.split(data)


def test_more_entries_than_allowed_are_refused() -> None:
    assert len(bundles.split(b'{"entry":[{},{}]}', entries_max=2).entries) == 2
    with pytest.raises(bundles.TooManyEntries):
        bundles.split(b'{"entry":[{},{},{}]}', entries_max=2)


def test_more_bytes_than_allowed_are_refused() -> None:
    with pytest.raises(json.TooLong):
        bundles.split(BUNDLE, bytes_max=len(BUNDLE) - 1)

"""A Bundle taken apart into the exact bytes of each entry's resource (bundle.html, http.html#transaction)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lienmach.standards.fhir import json


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. resource: its bytes as sent, or None; other: the entry as parsed, without its resource."""

    resource: bytes | None
    other: dict[str, Any]

    @property
    def full_url(self) -> str:
        value = self.other.get("fullUrl")
        return value if isinstance(value, str) else ""

    @property
    def request(self) -> dict[str, Any]:
        value = self.other.get("request")
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Parts:
    """A Bundle in parts. envelope: the Bundle as parsed, with `entry` as parsed, but for the resources."""

    envelope: dict[str, Any]
    entries: list[Entry]


class TooManyEntries(json.JsonError):
    """More entries than allowed."""


def split(
    data: bytes, *, entries_max: int = 5000, depth_max: int = json.DEPTH_MAX, bytes_max: int = json.BYTES_MAX
) -> Parts:
    """Take the bytes of a Bundle apart; nothing is serialised again.

    The envelope is read as strictly as `json.parse` does; the resources are not read at all: parse each.
    Raises json.JsonError (`TooLong`, `TooManyEntries`).
    """
    if len(data) > bytes_max:
        raise json.TooLong(f"The body has {len(data)} bytes; the limit is {bytes_max}.")
    if data.startswith(json.BOM):
        data = data[3:]
    places = json.members(data)
    if "entry" not in places:
        return Parts(json.parse(data, depth_max=depth_max), [])
    start, end = places["entry"]
    envelope = json.parse(json.replace(data, [(start, end, b"null")]), depth_max=depth_max)
    body = data[start:end]
    found = json.items(body)
    if len(found) > entries_max:
        raise TooManyEntries(f"The bundle has {len(found)} entries; the limit is {entries_max}.")
    entries = [_entry(body[a:b], depth_max=depth_max) for a, b in found]
    envelope["entry"] = [entry.other for entry in entries]
    return Parts(envelope, entries)


def _entry(data: bytes, *, depth_max: int) -> Entry:
    places = json.members(data)
    if "resource" not in places:
        return Entry(None, json.parse(data, depth_max=depth_max))
    start, end = places["resource"]
    other = json.parse(json.replace(data, [(start, end, b"null")]), depth_max=depth_max)
    del other["resource"]
    return Entry(data[start:end], other)

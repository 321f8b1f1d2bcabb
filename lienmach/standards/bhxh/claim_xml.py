"""The file of a claim: GIAMDINHHS with one record, each table base64 inside it, and a place for the signature.

    data = claim_xml.build(tables, facility="79001", made_on=date(2026, 8, 3))
    envelope = claim_xml.read(data)        # envelope.tables == tables, envelope.faults == ()

Structure: Decision 130/QĐ-BYT (2023-01-18) with 4750 and 3176; one record a file is the portal's guidance (secondary);
NGAYLAP as yyyymmdd is from memory. Reading takes no document type, no entities, nothing from outside and 20 MB at most.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from lienmach.standards.bhxh import claim_fields

Row = dict[str, str]
Tables = dict[str, list[Row]]
Fault = tuple[str, str, str, str]  # rule, table, field, sentence

BYTES_MAX = 20 * 1024 * 1024
ROWS_MAX = 5000  # of one table
FAULTS_MAX = 200
ROOT, PLACE = "GIAMDINHHS", "CHUKYDONVI"
_NOT_XML = re.compile(r"[^\t\n\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_BASE64_SPACE = re.compile(r"\s+")
_NEVER_SENT = "XML12"


@dataclass(frozen=True)
class Envelope:
    """What a file says. facility: MACSKCB. made_on: NGAYLAP, date.min where it cannot be read. tables: every row with
    every field of the version of its visit. signature: the XML inside CHUKYDONVI, None without one.

    faults: what could not be read, as (rule, table, field, sentence); the rules are STR-01 to STR-07 and STR-16.
    """

    facility: str
    made_on: date
    tables: Tables
    signature: bytes | None
    faults: tuple[Fault, ...] = ()


def clean(text: str) -> str:
    """Text as it may stand in a field: no characters that XML forbids, no blanks at its ends."""
    return _NOT_XML.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def day_of(tables: Tables) -> date | None:
    """The day of the visit: NGAY_VAO of XML1; None where it cannot be read. It chooses the version of the fields."""
    rows = tables.get("XML1") or [{}]
    return _day(rows[0].get("NGAY_VAO", "")[:8])


def content_digest(tables: Tables) -> str:
    """SHA-256 in hexadecimal of what the tables say; the day of making and the signature are no part of it."""
    said = json.dumps(tables, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def build(tables: Tables, *, facility: str, made_on: date) -> bytes:
    """The whole file, UTF-8 without a byte-order mark, CHUKYDONVI empty. Tables without rows are left out.

    Raises ValueError for a table or field that is unknown on the day of the visit, for a missing XML1, for characters
    that XML cannot hold, and for a facility that has not 5 characters.
    """
    on = day_of(tables) or made_on
    unknown = tables.keys() - set(claim_fields.TABLES[1:])
    if unknown:
        raise ValueError(f"a claim has no table {', '.join(sorted(unknown))}")
    if len(tables.get("XML1", ())) != 1:
        raise ValueError("a claim has exactly one row in XML1")
    if len(facility) != 5:
        raise ValueError("the code of a facility has 5 characters")
    files = [
        f"<FILEHOSO><LOAIHOSO>{table}</LOAIHOSO><NOIDUNGFILE>{_table(table, tables[table], on)}</NOIDUNGFILE></FILEHOSO>"
        for table in claim_fields.TABLES
        if tables.get(table)
    ]
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{ROOT}>'
        f"<THONGTINDONVI><MACSKCB>{escape(facility)}</MACSKCB></THONGTINDONVI>"
        f"<THONGTINHOSO><NGAYLAP>{made_on:%Y%m%d}</NGAYLAP><SOLUONGHOSO>1</SOLUONGHOSO>"
        f"<DANHSACHHOSO><HOSO>{''.join(files)}</HOSO></DANHSACHHOSO></THONGTINHOSO><{PLACE}/></{ROOT}>"
    ).encode()


def _table(table: str, rows: list[Row], on: date) -> str:
    names = claim_fields.names(table, on)
    root, within, record = claim_fields.ROOTS[table]
    if within is None and len(rows) != 1:
        raise ValueError(f"{table} has one row, not {len(rows)}")
    parts = []
    for row in rows:
        if row.keys() - set(names):
            raise ValueError(f"{table} has no field {', '.join(sorted(row.keys() - set(names)))}")
        lines = []
        for name in names:
            text = row.get(name, "")
            if _NOT_XML.search(text):
                raise ValueError(f"{table}.{name} has a character that XML cannot hold")
            lines.append(f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>")
        parts.append(f"<{record}>{''.join(lines)}</{record}>")
    body = "".join(parts) if within is None else f"<{root}><{within}>{''.join(parts)}</{within}></{root}>"
    return base64.b64encode(f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode()).decode()


def read(data: bytes) -> Envelope:
    """The file as it stands; whatever is wrong with it becomes a fault, nothing is raised for bad content."""
    reader = _Reader()
    return reader.read(data)


class _Reader:
    """Walks one file and collects its faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def _say(self, rule: str, table: str, field: str, sentence: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append((rule, table, field, sentence))

    def read(self, data: bytes) -> Envelope:
        if data.startswith(b"\xef\xbb\xbf"):
            self._say("STR-16", "ENV", "", "Tệp bắt đầu bằng dấu BOM; ghi lại tệp dạng UTF-8 không có BOM.")
            data = data[3:]
        root = self._parse(data, "STR-01", "ENV", "")
        if root is None:
            return Envelope("", date.min, {}, None, tuple(self.faults))
        if root.tag != ROOT:
            self._say("STR-01", "ENV", ROOT, f"Thẻ gốc của tệp là {_short(root.tag)}; hồ sơ cần thẻ gốc {ROOT}.")
        for name in ("THONGTINDONVI", "THONGTINHOSO", PLACE):
            if root.find(name) is None:
                self._say("STR-01", "ENV", name, f"Tệp thiếu thẻ {name}.")
        facility = _text(root.find("THONGTINDONVI/MACSKCB"))
        if len(facility) != 5:
            self._say("STR-03", "ENV", "MACSKCB", "Mã cơ sở trong MACSKCB phải có đúng 5 ký tự.")
        made_on = _day(_text(root.find("THONGTINHOSO/NGAYLAP")))
        if made_on is None:
            self._say("STR-01", "ENV", "NGAYLAP", "NGAYLAP không phải là ngày dạng yyyymmdd.")
        tables = self._tables(root, made_on or date.max)
        return Envelope(facility, made_on or date.min, tables, self._signature(root), tuple(self.faults))

    def _signature(self, root: Any) -> bytes | None:
        place = root.find(PLACE)
        if place is None:
            return None
        if root[-1] is not place:
            self._say("STR-04", "ENV", PLACE, f"{PLACE} phải là thẻ cuối cùng của tệp.")
        if not len(place):
            return None
        written: bytes = etree.tostring(place[0], encoding="utf-8", with_tail=False)
        return written

    def _tables(self, root: Any, made_on: date) -> Tables:
        records = root.findall("THONGTINHOSO/DANHSACHHOSO/HOSO")
        if len(records) != 1 or _text(root.find("THONGTINHOSO/SOLUONGHOSO")) != "1":
            self._say("STR-02", "ENV", "SOLUONGHOSO", "Mỗi tệp chứa đúng một hồ sơ và SOLUONGHOSO = 1.")
        files: dict[str, Any] = {}
        for entry in records[0].findall("FILEHOSO") if records else ():
            table = _text(entry.find("LOAIHOSO"))
            if table in files:
                self._say("STR-05", table, "", f"Bảng {table} có hai lần trong hồ sơ; chỉ gửi một lần.")
            elif table == _NEVER_SENT or table == "XML0" or table not in claim_fields.ROOTS:
                self._say("STR-05", "ENV", "LOAIHOSO", f"Bảng {_short(table) or '(trống)'} không gửi trong hồ sơ này.")
            else:
                files[table] = self._inner(table, entry)
        first = files.get("XML1")
        on = (_day(_text(first.find("NGAY_VAO"))[:8]) if first is not None else None) or made_on
        read = {table: self._rows(table, files[table], on) for table in claim_fields.TABLES if table in files}
        return {table: rows for table, rows in read.items() if rows}

    def _inner(self, table: str, entry: Any) -> Any:
        try:
            inner = base64.b64decode(_BASE64_SPACE.sub("", _text(entry.find("NOIDUNGFILE"))), validate=True)
        except (binascii.Error, ValueError):
            self._say("STR-06", table, "NOIDUNGFILE", f"Nội dung của bảng {table} không phải là base64.")
            return None
        if inner.startswith(b"\xef\xbb\xbf"):
            self._say("STR-16", table, "", f"Nội dung của bảng {table} bắt đầu bằng dấu BOM.")
            inner = inner[3:]
        found = self._parse(inner, "STR-06", table, "NOIDUNGFILE")
        root = claim_fields.ROOTS[table][0]
        if found is not None and found.tag != root:
            self._say("STR-06", table, root, f"Thẻ gốc của bảng {table} là {_short(found.tag)}, phải là {root}.")
            return None
        return found

    def _rows(self, table: str, root: Any, on: date) -> list[Row]:
        if root is None:
            return []
        _, within, record = claim_fields.ROOTS[table]
        if within is None:
            records = [root]
        else:
            listing = root.find(within)
            if listing is None:
                self._say("STR-06", table, within, f"Bảng {table} thiếu thẻ {within}.")
                return []
            records = listing.findall(record)
            if len(records) != len(listing):
                self._say("STR-06", table, within, f"Trong {within} chỉ được có thẻ {record}.")
        if not records:
            self._say("STR-05", table, "", f"Bảng {table} không có dòng nào; bỏ bảng này khỏi hồ sơ.")
        if len(records) > ROWS_MAX:
            self._say("STR-06", table, "", f"Bảng {table} có hơn {ROWS_MAX} dòng; chỉ đọc phần đầu.")
        return [self._row(table, one, on) for one in records[:ROWS_MAX]]

    def _row(self, table: str, record: Any, on: date) -> Row:
        names = claim_fields.names(table, on)
        found: Row = {}
        for child in record:
            name = child.tag if isinstance(child.tag, str) else ""
            if not name:
                continue
            if name not in names:
                self._say(
                    "STR-07", table, _short(name), f"Bảng {table} không có trường {_short(name)} ở ngày của lượt khám."
                )
            elif name in found:
                self._say("STR-07", table, name, f"Trường {name} có hai lần trong một dòng của bảng {table}.")
            else:
                found[name] = _text(child)
        missing = [name for name in names if name not in found]
        for name in missing:
            self._say("STR-07", table, name, f"Bảng {table} thiếu thẻ {name}; trường trống vẫn phải có thẻ.")
        if not missing and list(found) != list(names):
            wrong = next(mine for mine, listed in zip(found, names, strict=False) if mine != listed)
            self._say("STR-07", table, wrong, f"Trường {wrong} của bảng {table} đứng sai thứ tự.")
        return {name: found.get(name, "") for name in names}

    def _parse(self, data: bytes, rule: str, table: str, field: str) -> Any:
        """The root element, or None with a fault."""
        if len(data) > BYTES_MAX:
            self._say(rule, table, field, "Tệp lớn hơn 20 MB; không đọc.")
            return None
        try:
            data.decode("utf-8")
            parser = etree.XMLParser(
                resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
                remove_comments=True, remove_pis=True,
            )  # fmt: skip
            root = etree.fromstring(data, parser)
        except (etree.XMLSyntaxError, ValueError) as problem:
            self._say(rule, table, field, f"Không đọc được XML: {_short(str(problem), 120)}.")
            return None
        if root.getroottree().docinfo.doctype:
            self._say(rule, table, field, "Tệp khai báo DOCTYPE; bỏ khai báo này rồi gửi lại.")
            return None
        return root


def _text(element: Any) -> str:
    return "" if element is None else "".join(element.itertext())


def _short(text: Any, most: int = 40) -> str:
    return str(text)[:most]


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").date() if len(text) == 8 else None
    except ValueError:
        return None

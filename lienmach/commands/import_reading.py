"""What an import reads: files and folders, taken apart into items, groups and bundles that have to be executed.

    *.json     a resource, a Bundle, or one resource a line
    *.ndjson   (also *.jsonl) one resource a line
    *.gz       any of them, compressed

A resource is stored under its own id; one without an id under a new one. What a Bundle means depends on its type:

    transaction   executed: all or nothing, every POST under a new id, links replaced
    batch         executed, each entry for itself
    history       its entries one after the other, the oldest first
    document, message            its entries, each under its own id, and the Bundle as a resource too
    collection, searchset, others  its entries, each under its own id

An entry without an id that has a fullUrl is stored under the last part of that, so that links by fullUrl hold. In a
file of lines a Bundle is a resource like any other, unless it is a transaction or batch without an id.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from lienmach.base import errors
from lienmach.record import marks
from lienmach.record.bulk import Item
from lienmach.standards.fhir import bundles, links
from lienmach.standards.fhir import json as fhir_json
from lienmach.standards.fhir.definitions import Definitions

FILE_BYTES_MAX = 512 * 1024 * 1024  # of one JSON document, decompressed; files of lines have no limit
ENTRIES_MAX = 500_000
_ENDINGS = (".json", ".ndjson", ".jsonl")
_LINES = (".ndjson", ".jsonl")
_CONDITIONAL_REFERENCE = re.compile(rb'"reference"\s*:\s*"[A-Z][A-Za-z]+\?')
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True)
class File:
    """A file to import. source: its name in the marks, the whole path; size: in bytes, as it lies on the disk."""

    path: Path
    size: int

    @property
    def source(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """The name without `.gz`."""
        return self.path.name.removesuffix(".gz")


@dataclass(frozen=True)
class Execution:
    """A Bundle, or one entry of a batch, that the record has to be asked about first: conditions, DELETE, PATCH, GET.

    line: where it stands in a file of lines, 0 else. entry: of a batch, None for the whole.
    """

    file: File
    line: int
    parts: bundles.Parts
    digest: bytes
    entry: int | None = None


@dataclass(frozen=True)
class Unreadable:
    """Something that is not even a resource. line: 0 for the whole file."""

    file: File
    line: int
    failure: errors.Failure


Piece = Item | list[Item] | Execution | Unreadable


class _Head(msgspec.Struct):
    resourceType: str | None = None
    id: str | None = None
    type: Any = None


_head = msgspec.json.Decoder(_Head)


def find_files(paths: list[Path]) -> list[File]:
    """All files meant by `paths`, each once, sorted. Raises errors.NotFound, naming the path."""
    found: dict[Path, int] = {}
    for path in paths:
        if not path.exists():
            raise errors.NotFound(f"There is no file or folder {path}.")
        if path.is_dir():
            inside = [one for one in path.rglob("*") if one.is_file() and _is_meant(one, path)]
            if not inside:
                raise errors.NotFound(f"There is no FHIR file (.json, .ndjson, .gz of them) in {path}.")
        else:
            inside = [path]
        for one in inside:
            found[one.resolve()] = one.stat().st_size
    return [File(path, found[path]) for path in sorted(found)]


def _is_meant(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.name.removesuffix(".gz").endswith(_ENDINGS)


class Reader:
    """Takes files apart. position: how many bytes of the current file have been read, as it lies on the disk."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._raw: IO[bytes] | None = None

    def position(self) -> int:
        return self._raw.tell() if self._raw is not None else 0

    def read(self, file: File) -> Iterator[Piece]:
        """The pieces of one file, in its order; what cannot be read is a piece too."""
        try:
            with open(file.path, "rb") as self._raw:
                packed = self._raw.read(2) == b"\x1f\x8b"
                self._raw.seek(0)
                opened: Any = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
                if not packed and file.path.name.endswith(".gz"):
                    raise errors.Malformed(f"{file.path.name} is not a gzip file.")
                yield from self._lines(file, opened) if file.name.endswith(_LINES) else self._document(file, opened)
        except (gzip.BadGzipFile, zlib.error):
            yield Unreadable(file, 0, errors.Malformed(f"The gzip file {file.path.name} is damaged."))
        except EOFError:
            yield Unreadable(file, 0, errors.Malformed(f"The gzip file {file.path.name} ends too early."))
        except OSError as problem:
            yield Unreadable(file, 0, errors.NotFound(f"{file.path.name} cannot be read: {problem.strerror}."))
        except errors.Failure as failure:
            yield Unreadable(file, 0, failure)
        finally:
            self._raw = None

    def _lines(self, file: File, opened: Any) -> Iterator[Piece]:
        for number, line in enumerate(opened, 1):
            yield from self._line(file, number, line)

    def _line(self, file: File, number: int, line: bytes) -> Iterator[Piece]:
        if number == 1:
            line = line.removeprefix(fhir_json.BOM)
        line = line.strip()
        if not line:
            return
        try:
            head = _read_head(line)
            if head.resourceType == "Bundle" and head.id is None and head.type in ("transaction", "batch"):
                yield from self._bundle(file, line, head.type, number)
            else:
                yield _resource(file, number, line, head)
        except errors.Failure as failure:
            yield Unreadable(file, number, failure)

    def _document(self, file: File, opened: Any) -> Iterator[Piece]:
        data = opened.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise errors.TooLarge(
                f"{file.path.name} has more than {FILE_BYTES_MAX >> 20} MB in one JSON document; "
                "a file with one resource a line (NDJSON) may have any size."
            )
        data = data.removeprefix(fhir_json.BOM).strip()
        if _is_lines(data):
            for number, line in enumerate(data.split(b"\n"), 1):
                yield from self._line(file, number, line)
            return
        head = _read_head(data)
        if head.resourceType != "Bundle":
            yield _resource(file, 0, data, head)
        else:
            yield from self._bundle(file, data, head.type, 0)

    def _bundle(self, file: File, data: bytes, kind: Any, line: int) -> Iterator[Piece]:
        try:
            parts = bundles.split(data, entries_max=ENTRIES_MAX, bytes_max=FILE_BYTES_MAX)
        except fhir_json.TooLong as problem:
            raise errors.TooLarge(str(problem)) from None
        except fhir_json.JsonError as problem:
            raise errors.Malformed(str(problem)) from None
        if kind == "transaction":
            waits = _CONDITIONAL_REFERENCE.search(data) is not None
            if not waits and all(_is_plain(entry) for entry in parts.entries):
                yield [_sent(file, entry, index) for index, entry in enumerate(parts.entries)]
            else:
                yield Execution(file, line, parts, marks.hash_of(data))
        elif kind == "batch":
            for index, entry in enumerate(parts.entries):
                if _is_plain(entry) and not _CONDITIONAL_REFERENCE.search(entry.resource or b""):
                    yield _sent(file, entry, index)
                else:
                    yield Execution(file, line, parts, marks.hash_of(data), index)
        else:
            yield from self._contents(file, parts, line)
            if kind in ("document", "message"):
                yield _resource(file, line, data, _read_head(data))

    def _contents(self, file: File, parts: bundles.Parts, line: int) -> Iterator[Piece]:
        """The entries of a Bundle that is no request: each under its own id."""
        is_history = parts.envelope.get("type") == "history"
        found: list[tuple[int, bundles.Entry, _Head | None]] = []
        mapping = {}
        for index, entry in enumerate(parts.entries):
            if entry.resource is None:
                if is_history and entry.request.get("method") == "DELETE":
                    found.append((index, entry, None))
                continue
            try:
                head = _read_head(entry.resource)
            except errors.Failure as failure:
                yield Unreadable(file, line, _at_entry(failure, index))
                continue
            head.id = head.id or _tail(entry.full_url)
            found.append((index, entry, head))
            if entry.full_url.startswith("urn:") and head.id:
                mapping[entry.full_url] = f"{head.resourceType}/{head.id}"
        rewrite = links.rewriter(self.definitions, mapping)
        for index, entry, known in reversed(found) if is_history else found:
            if known is None:
                single = bundles.Parts({**parts.envelope, "type": "transaction"}, [entry])
                yield Execution(file, line, single, marks.hash_of(repr(entry.other).encode()), index)
                continue
            try:
                body = rewrite(entry.resource or b"")
            except fhir_json.JsonError as problem:
                yield Unreadable(file, line, errors.Malformed(str(problem), expression=f"Bundle.entry[{index}]"))
                continue
            yield _resource(file, index, body, known, version=_version(body) if is_history else "")


def _read_head(data: bytes) -> _Head:
    """Type, id and Bundle type. Raises errors.Malformed with what is wrong."""
    try:
        head = _head.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            value = fhir_json.parse(data, bytes_max=FILE_BYTES_MAX)
        except fhir_json.JsonError as problem:
            raise errors.Malformed(str(problem)) from None
        head = _Head(value.get("resourceType"), value.get("id"))
        if not isinstance(head.id, str | None):
            raise errors.Malformed("The id is not a string.", expression="Resource.id") from None
    if not isinstance(head.resourceType, str) or not head.resourceType:
        raise errors.Malformed("This is not FHIR: there is no resourceType.")
    return head


def _is_lines(data: bytes) -> bool:
    """Whether a file that is not called so holds one resource a line."""
    first, _, rest = data.partition(b"\n")
    if not rest:
        return False
    try:
        return _head.decode(first).resourceType is not None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _resource(file: File, index: int, body: bytes, head: _Head, *, version: str = "") -> Item:
    """A resource for itself; without an id its bytes are its name: what has no name cannot change."""
    assert head.resourceType is not None
    if head.id is None:
        name = f"sha256:{marks.hash_of(body).hex()}"
    else:
        name = f"{head.resourceType}/{head.id}" + (f"/_history/{version}" if version else "")
    return Item(file.source, name, body, head.resourceType, head.id, index)


def _is_plain(entry: bundles.Entry) -> bool:
    """An unconditional POST or PUT, of which the record need not be asked first."""
    request = entry.request
    if entry.resource is None or any(key in request for key in ("ifMatch", "ifNoneExist", "ifNoneMatch")):
        return False
    try:
        head = _head.decode(entry.resource)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if request.get("method") == "POST":
        return request.get("url") == head.resourceType
    return request.get("method") == "PUT" and request.get("url") == f"{head.resourceType}/{head.id}"


def _sent(file: File, entry: bundles.Entry, index: int) -> Item:
    """An entry that `_is_plain`: PUT under its id, POST under a new one."""
    body = entry.resource or b""
    head = _head.decode(body)
    name = entry.full_url or f"sha256:{marks.hash_of(body).hex()}"
    return Item(
        file.source,
        name,
        body,
        head.resourceType or "",
        head.id if entry.request.get("method") == "PUT" else None,
        index,
    )


def _tail(full_url: str) -> str | None:
    """The id that a fullUrl holds: `urn:uuid:<id>` or `https://…/Type/<id>`."""
    last = re.split(r"[:/]", full_url)[-1]
    return last if _ID.fullmatch(last) else None


def _version(body: bytes) -> str:
    value = msgspec.json.decode(body)
    meta = value.get("meta") if isinstance(value, dict) else None
    return str(meta.get("versionId", "")) if isinstance(meta, dict) else ""


def _at_entry(failure: errors.Failure, index: int) -> errors.Failure:
    return failure.__class__(
        issues=[
            errors.Issue(one.severity, one.code, one.diagnostics, f"Bundle.entry[{index}]") for one in failure.issues
        ]
    )

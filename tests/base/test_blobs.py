"""Blobs: the hash is the name, a tenant has its own, ranges are exact."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from lienmach.base.blobs import Blobs
from lienmach.base.errors import NotFound


async def test_what_is_written_is_read_back_under_its_hash(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    name = await blobs.write(1, b"abcdef")
    assert name == hashlib.sha256(b"abcdef").hexdigest()
    assert await blobs.read(1, name) == b"abcdef"
    assert await blobs.size(1, name) == 6


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 0, b""), (0, 1, b"a"), (2, 4, b"cd"), (5, 6, b"f"), (5, 99, b"f"), (6, 9, b""), (3, None, b"def")],
)
async def test_a_range_is_cut_exactly(tmp_path: Path, start: int, end: int | None, expected: bytes) -> None:
    blobs = Blobs(tmp_path)
    assert await blobs.read(1, await blobs.write(1, b"abcdef"), start, end) == expected


async def test_the_same_bytes_twice_are_one_file(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    names = await asyncio.gather(*(blobs.write(1, b"x" * 1000) for _ in range(8)))
    assert len(set(names)) == 1
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == [names[0]]


async def test_a_blob_of_another_tenant_does_not_exist(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = await blobs.write(1, b"x")
    with pytest.raises(NotFound):
        await blobs.read(2, name)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64])
async def test_what_is_not_the_name_of_a_blob_is_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound):
        await Blobs(tmp_path).read(1, name)

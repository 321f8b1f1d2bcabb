"""A disk that fills up: announced, then writes are refused, then the reserve is given away."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lienmach.base import disk, health
from lienmach.base.errors import Unavailable
from lienmach.base.settings import Settings


def _watch(tmp_path: Path, *, low: int, full: int, reserve_mb: int = 1) -> disk.Watch:
    settings = replace(Settings(), disk_low_mb=low, disk_full_mb=full, disk_reserve_mb=reserve_mb)
    return disk.Watch(settings, [tmp_path], tmp_path / "reserve.bin")


def _free_mb(tmp_path: Path) -> int:
    return shutil.disk_usage(tmp_path).free // 2**20


def test_with_room_left_writes_go_on(tmp_path: Path) -> None:
    watch = _watch(tmp_path, low=2, full=1)
    assert watch.look().state == "ok"
    watch.check_write()


def test_a_disk_that_fills_up_is_announced_and_still_takes_writes(tmp_path: Path, caplog) -> None:
    watch = _watch(tmp_path, low=_free_mb(tmp_path) + 10_000, full=1)
    watch.check_write()
    assert watch.look().state == "low" and "Disk space is low" in caplog.text


def test_a_full_disk_refuses_writes_with_a_sentence(tmp_path: Path) -> None:
    more = _free_mb(tmp_path) + 10_000
    watch = _watch(tmp_path, low=more, full=more)
    with pytest.raises(Unavailable, match="nothing was changed"):
        watch.check_write()


def test_the_reserve_is_set_aside_in_real_blocks_and_given_back_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "reserve.bin"
    _watch(tmp_path, low=2, full=1).tend_reserve()
    assert path.stat().st_blocks * 512 >= 2**20
    more = (_free_mb(tmp_path) + 10_000) * 8
    watch = _watch(tmp_path, low=more, full=more)
    watch.tend_reserve()
    assert not path.exists()
    watch.tend_reserve()


def test_a_reserve_of_nothing_is_never_made(tmp_path: Path) -> None:
    _watch(tmp_path, low=2, full=1, reserve_mb=0).tend_reserve()
    assert not (tmp_path / "reserve.bin").exists()


async def test_readiness_names_the_disk_and_stays_ready_when_it_is_full(pool, tmp_path: Path) -> None:
    more = _free_mb(tmp_path) + 10_000
    answer = await health.ready(pool, _watch(tmp_path, low=more, full=more))
    assert answer.ready and answer.parts["disk"]["state"] == "full" and answer.parts["database"]["state"] == "ok"


async def test_a_node_without_its_database_is_not_ready(pool, tmp_path: Path) -> None:
    await pool.close()
    answer = await health.ready(pool, _watch(tmp_path, low=2, full=1))
    assert not answer.ready and answer.parts["database"]["state"] == "away"

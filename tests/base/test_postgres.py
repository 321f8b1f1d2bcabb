"""The embedded database's life: first boot, warm start, stop, and everything that can go wrong between."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from lienmach.base import postgres, postgres_place, postgres_process, processes
from lienmach.base.errors import Conflict
from lienmach.base.settings import Settings

ROOT = Path(postgres.__file__).parents[2]


def _home() -> Settings:
    home = Path(tempfile.mkdtemp(prefix="lm-life-"))
    return replace(Settings(), home=home, stop_seconds=10, disk_low_mb=2, disk_full_mb=1)


@pytest.fixture
def fresh() -> Iterator[Settings]:
    """Settings of a home that has no database yet; whatever is there at the end is stopped and deleted."""
    settings = _home()
    yield settings
    postgres.destroy(settings)
    shutil.rmtree(settings.home, ignore_errors=True)


@pytest.fixture(scope="module")
def used() -> Iterator[Settings]:
    """One home for all tests that only need one with a database: a first start is mostly waiting for the disk."""
    settings = _home()
    yield settings
    postgres.destroy(settings)
    shutil.rmtree(settings.home, ignore_errors=True)


@pytest.fixture
def node(used: Settings) -> Iterator[Settings]:
    """Settings of a home that was used before, where nothing runs."""
    yield used
    place = postgres_place.find(used)
    if place is not None:
        postgres_process.end(place, 10)


def _ask(cluster: postgres.Cluster, sql: str, role: str = "owner") -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(cluster.url(role))
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(ask())


def _wait(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_what_was_written_is_there_after_a_stop_and_a_start(node: Settings) -> None:
    cluster = postgres.start(node)
    _ask(cluster, "create table kept_1 as select 7 as n")
    cluster.stop()
    assert postgres.attach(node) is None
    cluster = postgres.start(node)
    assert _ask(cluster, "select n from kept_1") == 7
    cluster.stop()


def test_durability_is_on_and_nothing_listens_on_the_network(node: Settings) -> None:
    cluster = postgres.start(node)
    found = [
        _ask(cluster, f"select current_setting('{name}')")
        for name in ("fsync", "synchronous_commit", "listen_addresses")
    ]
    assert found == ["on", "on", ""]
    cluster.stop()


def test_text_sorts_by_code_point_and_folds_vietnamese_case(node: Settings) -> None:
    cluster = postgres.start(node)
    assert _ask(cluster, "select lower('ĐẶNG ƯỚC')") == "đặng ước"
    cluster.stop()


def test_the_application_role_owns_nothing_and_may_not_create_tables(node: Settings) -> None:
    cluster = postgres.start(node)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        _ask(cluster, "create table mine (n int)", "app")
    cluster.stop()


def test_a_second_start_on_one_home_is_refused_and_names_the_first(node: Settings) -> None:
    cluster = postgres.start(node)
    with pytest.raises(Conflict, match=f"in use by .*process {os.getpid()}"):
        postgres.start(node)
    assert _ask(cluster, "select 1") == 1
    cluster.stop()
    postgres.start(node).stop()


def test_a_command_attaches_to_a_running_database_and_leaves_it_running(node: Settings) -> None:
    cluster = postgres.start(node)
    beside = postgres.attach(node)
    assert beside is not None and _ask(beside, "select 1") == 1
    beside.stop()
    assert cluster.is_alive()
    cluster.stop()


def test_a_killed_postmaster_is_brought_back_with_its_data(node: Settings) -> None:
    cluster = postgres.start(node)
    _ask(cluster, "create table kept_7 as select 7 as n")
    assert cluster.child is not None
    cluster.child.kill()
    _wait(lambda: not cluster.is_alive())
    cluster.restart()
    assert _ask(cluster, "select n from kept_7") == 7
    cluster.stop()


def test_a_killed_postmaster_that_nobody_reaps_does_not_count_as_running(node: Settings) -> None:
    cluster = postgres.start(node)
    assert cluster.child is not None and cluster.lock is not None
    os.kill(cluster.child.pid, signal.SIGKILL)
    _wait(lambda: not processes.is_running(cluster.child.pid))  # dead, and a zombie until we wait for it
    assert os.path.exists(f"/proc/{cluster.child.pid}")
    assert postgres.attach(node) is None
    cluster.lock.release()
    again = postgres.start(node)
    assert _ask(again, "select 1") == 1
    again.stop()
    cluster.child.wait()


def test_a_pid_file_whose_number_belongs_to_somebody_else_is_no_obstacle(node: Settings) -> None:
    postgres.start(node).stop()
    place = postgres_place.find(node)
    assert place is not None
    with subprocess.Popen(["sleep", "60"]) as other:
        (place.data / "postmaster.pid").write_text(
            f"{other.pid}\n{place.data}\n1700000000\n5432\n{place.sockets}\n\n\nready\n"
        )
        assert postgres.attach(node) is None
        cluster = postgres.start(node)
        assert _ask(cluster, "select 1") == 1
        assert other.poll() is None
        cluster.stop()
        other.kill()


_STARTER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from lienmach.base import postgres
from lienmach.base.settings import Settings
cluster = postgres.start(replace(Settings(), home=Path(sys.argv[1])))
print(cluster.child.pid, flush=True)
time.sleep(60)
"""


def _start_in_another_process(node: Settings) -> tuple[subprocess.Popen[bytes], int]:
    starter = subprocess.Popen([sys.executable, "-c", _STARTER, str(node.home)], stdout=subprocess.PIPE, cwd=ROOT)
    assert starter.stdout is not None
    return starter, int(starter.stdout.readline())


def test_the_database_stops_by_itself_when_its_starter_is_killed(node: Settings) -> None:
    starter, pid = _start_in_another_process(node)
    starter.kill()
    starter.communicate()
    _wait(lambda: not processes.is_running(pid))


def test_a_home_whose_starter_was_just_killed_starts_again_at_once(node: Settings) -> None:
    starter, _ = _start_in_another_process(node)
    starter.kill()
    starter.communicate()
    cluster = postgres.start(node)
    assert _ask(cluster, "select 1") == 1
    cluster.stop()


def test_starter_and_database_killed_together_need_no_hand(node: Settings) -> None:
    starter, pid = _start_in_another_process(node)
    os.kill(pid, signal.SIGKILL)
    starter.kill()
    starter.communicate()
    cluster = postgres.start(node)
    assert _ask(cluster, "select 1") == 1
    cluster.stop()


def test_a_first_start_that_was_cut_off_is_begun_anew(fresh: Settings) -> None:
    place = postgres_place.make(fresh)
    half = place.folder / "data.part"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    cluster = postgres.start(fresh)
    assert _ask(cluster, "select current_database()") == "lienmach"
    cluster.stop()


def test_a_start_on_a_disk_that_is_nearly_full_uses_the_reserve(node: Settings) -> None:
    postgres.start(node).stop()
    place = postgres_place.find(node)
    assert place is not None
    place.reserve.write_bytes(b"x")
    cluster = postgres.start(replace(node, disk_full_mb=10**9, disk_low_mb=10**9))
    assert not place.reserve.exists()
    cluster.stop()


def test_a_home_deleted_and_made_anew_does_not_find_the_old_data(fresh: Settings) -> None:
    cluster = postgres.start(fresh)
    _ask(cluster, "create table kept_15 (n int)")
    cluster.stop()
    old = postgres_place.find(fresh)
    shutil.rmtree(fresh.home)
    cluster = postgres.start(fresh)
    assert _ask(cluster, "select to_regclass('kept_15')") is None
    cluster.stop()
    assert old is not None
    if old.other_user:
        assert old.folder in postgres_place.left_over(fresh)
        assert cluster.place.folder not in postgres_place.left_over(fresh)
        shutil.rmtree(old.folder, ignore_errors=True)


def test_a_long_path_gets_a_short_socket_folder(fresh: Settings) -> None:
    long = replace(fresh, home=fresh.home / ("a" * 60) / ("b" * 60), database_folder=fresh.home / ("c" * 100))
    fresh.home.chmod(0o755)
    cluster = postgres.start(long)
    sockets = cluster.place.sockets
    assert len(os.fsencode(sockets / ".s.PGSQL.5432")) <= postgres_place.SOCKET_BYTES_MAX
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert _ask(cluster, "select 1") == 1
    cluster.stop()
    postgres.destroy(long)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_the_machine_cannot_reach_the_socket(node: Settings) -> None:
    cluster = postgres.start(node)
    path = str(cluster.place.sockets / ".s.PGSQL.5432")
    pid = os.fork()
    if pid == 0:
        os.setgid(12345)
        os.setuid(12345)
        try:
            socket.socket(socket.AF_UNIX).connect(path)
        except PermissionError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    cluster.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="concerns root")
def test_as_root_the_database_runs_as_another_user_outside_the_home(node: Settings) -> None:
    cluster = postgres.start(node)
    assert cluster.child is not None
    assert os.stat(f"/proc/{cluster.child.pid}").st_uid != 0
    assert Path((node.home / "database").read_text().strip()).parent == node.database_folder
    cluster.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="concerns root")
def test_as_root_a_home_and_a_clone_that_only_root_may_enter_are_no_obstacle(fresh: Settings) -> None:
    fresh.home.chmod(0o700)
    cluster = postgres.start(fresh)
    assert _ask(cluster, "select 1") == 1
    cluster.stop()


def test_the_log_of_the_database_quotes_no_value(node: Settings) -> None:
    cluster = postgres.start(node)
    _ask(cluster, "create table one as select 'Nguyễn'::text as name")
    _ask(cluster, "create unique index on one (name)")
    for wrong in ("select 'Nguyễn'::int", "insert into one values ('Nguyễn')", 'select * from "Nguyễn"'):
        with pytest.raises(asyncpg.PostgresError):
            _ask(cluster, wrong)
    cluster.stop()
    words = cluster.place.log.read_text()
    assert "ready to accept connections" in words and "Nguy" not in words


def test_a_command_that_started_the_database_stops_it_after_those_that_attached(node: Settings) -> None:
    cluster = postgres.start(node)
    beside = postgres.attach(node)
    assert beside is not None
    stopping = threading.Thread(target=cluster.stop, kwargs={"after_others": True})
    stopping.start()
    assert _ask(beside, "select 1") == 1
    assert stopping.is_alive() and cluster.is_alive()
    beside.stop()
    stopping.join(20)
    assert not stopping.is_alive() and not cluster.is_alive()

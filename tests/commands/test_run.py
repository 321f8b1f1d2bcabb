"""`lienmach run`: one command, one Ctrl-C, and nothing that dies stays dead."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lienmach.base import postgres, processes
from lienmach.base.settings import Settings
from tests.running_node import PATIENCE_SECONDS, Node


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lm-run-"))
    yield folder
    postgres.destroy(replace(Settings(), home=folder))
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name(folder.name + ".log").unlink(missing_ok=True)


@pytest.fixture
def node(home: Path) -> Iterator[Node]:
    one = Node(home)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.terminate()
        try:
            one.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            one.process.kill()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_all_of_it_database_included(node: Node, signum: signal.Signals) -> None:
    process = node.run()
    assert node.is_ready()
    family = [*node.web_pids(), *node.database_pids()]
    assert len(family) >= 2
    process.send_signal(signum)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert not [pid for pid in family if processes.is_running(pid)]
    assert node.database_pids() == []


def test_a_second_signal_right_after_the_first_is_still_a_clean_stop(node: Node) -> None:
    process = node.run()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert "killed" not in node.said()


def test_a_second_run_on_one_home_is_refused_with_a_sentence(node: Node) -> None:
    node.run()
    second = Node(node.home)
    answer = second.command("run", "--empty")
    assert answer.returncode == 1
    assert f"The home {node.home} is in use by" in answer.stderr and "Traceback" not in answer.stderr
    assert node.is_ready()


def test_an_address_that_is_taken_is_refused_with_a_sentence(node: Node) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node.address = f"127.0.0.1:{taken.getsockname()[1]}"
        answer = node.command("run", "--empty")
    assert answer.returncode == 1
    assert "LIENMACH_HTTP" in answer.stderr and "Traceback" not in answer.stderr
    assert node.database_pids() == []


def test_a_killed_web_process_comes_back(node: Node) -> None:
    node.run()
    before = node.web_pids()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    node.wait(lambda: bool(node.web_pids()) and node.web_pids() != before and node.is_ready())


def test_a_killed_database_comes_back(node: Node) -> None:
    node.run()
    before = node.postmaster()
    os.kill(before, signal.SIGKILL)
    node.wait(lambda: node.is_ready() and node.postmaster() != before)


def test_web_and_database_killed_together_come_back(node: Node) -> None:
    node.run()
    before = node.postmaster()
    for pid in (before, *node.web_pids()):
        os.kill(pid, signal.SIGKILL)
    node.wait(lambda: bool(node.web_pids()) and node.is_ready() and node.postmaster() != before)


def test_a_killed_supervisor_takes_everything_with_it_and_the_next_run_needs_no_hand(node: Node) -> None:
    process = node.run()
    family = [*node.web_pids(), *node.database_pids()]
    process.kill()
    process.wait()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(processes.is_running(pid) for pid in family):
        assert time.monotonic() < deadline, "a child outlived the supervisor"
        time.sleep(0.05)
    node.run()
    assert node.is_ready()


def test_a_run_right_after_a_killed_supervisor_does_not_wait_for_a_person(node: Node) -> None:
    node.run().kill()
    again = Node(node.home)
    node.process = again.start("run", "--empty")
    again.wait(again.is_ready)


def test_commands_beside_a_running_node_use_its_database_and_leave_it(node: Node) -> None:
    node.run()
    assert "Nothing to do" in node.command("migrate").stdout
    looked = node.command("check")
    assert looked.returncode == 0 and "PostgreSQL 18" in looked.stdout and "lienmach_app" in looked.stdout
    assert node.is_ready()


def test_a_command_without_a_node_starts_the_database_for_itself_and_stops_it(node: Node) -> None:
    assert node.command("migrate").returncode == 0
    assert node.database_pids() == []


def test_an_empty_node_prints_no_logins(node: Node) -> None:
    node.run()
    assert "Password" not in node.said()


def test_several_web_workers_and_their_job_worker_serve_one_address(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**node.environment(), "LIENMACH_WEB_WORKERS": "2"}
    monkeypatch.setattr(node, "environment", lambda: environment)
    node.run()
    assert len(node.web_pids()) == 2
    node.wait(node.is_ready)


def test_a_misspelt_setting_stops_the_start_and_says_what_was_meant(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**node.environment(), "LIENMACH_WEB_WORKRES": "2"}
    monkeypatch.setattr(node, "environment", lambda: environment)
    answer = node.command("run")
    assert answer.returncode == 1 and "LIENMACH_WEB_WORKERS was meant?" in answer.stderr


def test_an_unknown_command_is_not_understood(node: Node) -> None:
    answer = node.command("rum")
    assert answer.returncode == 2 and "no command 'rum'" in answer.stderr


def test_a_node_runs_on_a_database_given_by_url_and_starts_none_of_its_own(
    node: Node, database, store_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {"LIENMACH_DATABASE_URL": store_url, "LIENMACH_DATABASE_OWNER_URL": owner_url}
    environment = {**node.environment(), **urls}
    monkeypatch.setattr(node, "environment", lambda: environment)
    node.run()
    assert node.is_ready() and node.database_pids() == []


def test_a_database_that_waits_for_a_migration_is_refused_without_its_owner(
    node: Node, database, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**node.environment(), "LIENMACH_DATABASE_URL": database.url("app", "lienmach")}
    monkeypatch.setattr(node, "environment", lambda: environment)
    answer = node.command("run", "--empty")
    assert answer.returncode == 1
    assert "lienmach migrate" in answer.stderr and "Traceback" not in answer.stderr

"""Settings come from the environment or stop the start with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lienmach.base.settings import SettingError, Settings


def test_without_an_environment_every_setting_has_its_default() -> None:
    settings = Settings.load({"PATH": "/bin"})
    assert settings.home == Path("data")
    assert settings.listen() == ("127.0.0.1", 8000)
    assert settings.database_url is None


def test_a_set_name_takes_the_value_in_its_own_type() -> None:
    settings = Settings.load({"LIENMACH_WEB_WORKERS": "3", "LIENMACH_HOME": "/srv/x", "LIENMACH_DATABASE_URL": ""})
    assert (settings.web_workers, settings.home, settings.database_url) == (3, Path("/srv/x"), None)


def test_an_unknown_name_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(SettingError, match="LIENMACH_WEB_WORKERS was meant"):
        Settings.load({"LIENMACH_WEB_WORKER": "3"})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("LIENMACH_WEB_WORKERS", "two", "whole number"),
        ("LIENMACH_WEB_WORKERS", "0", "least"),
        ("LIENMACH_LOG_LEVEL", "loud", "one of debug, info"),
        ("LIENMACH_HTTP", "8000", "HOST:PORT"),
        ("LIENMACH_HTTP", "localhost:99999", "HOST:PORT"),
        ("LIENMACH_HOME", "", "folder"),
        ("LIENMACH_DATABASE_OWNER_URL", "postgresql://x", "set both"),
        ("LIENMACH_POOL_MIN", "11", "larger"),
        ("LIENMACH_DISK_FULL_MB", "4096", "announcement"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_was_meant(name: str, text: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        Settings.load({name: text})


@pytest.mark.parametrize(
    ("http", "loopback"),
    [("127.0.0.1:8000", True), ("localhost:80", True), ("[::1]:80", True), ("0.0.0.0:80", False), ("10.0.0.2:80", False),
     ("benhvien.example:443", False)],
)  # fmt: skip
def test_only_addresses_of_this_machine_are_loopback(http: str, loopback: bool) -> None:
    assert Settings.load({"LIENMACH_HTTP": http}).is_loopback() is loopback

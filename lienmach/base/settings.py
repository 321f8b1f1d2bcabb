"""Every setting of a node: name, type, default, unit, sentence. Nothing else reads the environment.

A field `web_workers` is set by `LIENMACH_WEB_WORKERS`. A name that we do not know or a value of the
wrong type stops the start with a sentence that says what was meant. No setting changes the meaning
of a standard; data of one hospital (prices, wards) are records, not settings.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PREFIX = "LIENMACH_"


class SettingError(ValueError):
    """A setting that stops the start; its text is one sentence for the person who started us."""


def _set(
    default: Any, sentence: str, *, unit: str = "", choices: tuple[str, ...] = (), least: int | None = None
) -> Any:
    return field(default=default, metadata={"sentence": sentence, "unit": unit, "choices": choices, "least": least})


@dataclass(frozen=True)
class Settings:
    """The settings of one node, read once at start and passed by hand.

    Raises SettingError (a ValueError) from `load` only; a Settings built in a test is taken as it is.
    """

    home: Path = _set(Path("data"), "Folder that holds everything this node keeps; made at the first start.")
    database_url: str | None = _set(None, "PostgreSQL to use as the application's role; unset means the embedded one.")
    database_owner_url: str | None = _set(
        None, "The same database as the role that owns the schema and migrates; only with a database URL."
    )
    database_folder: Path = _set(
        Path("/var/lib/lienmach"),
        "Where the embedded database lives when the node runs as root; the home names the folder in it.",
    )
    database_shared_mb: int = _set(128, "Shared buffers of the embedded database.", unit="MB", least=16)
    database_connections: int = _set(40, "Connections that the embedded database accepts.", least=10)
    http: str = _set("127.0.0.1:8000", "Address and port of the web door; any but a loopback address is served by TLS.")
    mllp: str = _set(
        "127.0.0.1:2575", "Address and port for analysers that speak HL7 v2 over MLLP; empty closes that door."
    )
    astm: str = _set(
        "127.0.0.1:2576", "Address and port for analysers that speak ASTM over TCP; empty closes that door."
    )
    public_url: str = _set(
        "",
        "Address under which others reach this node, such as https://so-yte.example; unset means that of LIENMACH_HTTP.",
    )
    http_names: str = _set(
        "", "Further host names, separated by commas, that the certificate of our own authority covers."
    )
    web_workers: int = _set(1, "Processes that answer HTTP; one also works the job queue.", least=1)
    pool_min: int = _set(2, "Database connections that each process keeps open.", least=0)
    pool_max: int = _set(10, "Database connections that each process opens at most.", least=1)
    log_level: str = _set(
        "info", "Least grave log line that is written.", choices=("debug", "info", "warning", "error")
    )
    log_format: str = _set(
        "auto", "`text` for eyes, `json` for machines, `auto` is text on a terminal.", choices=("auto", "text", "json")
    )

    body_bytes_max: int = _set(50 * 1024 * 1024, "Largest request body, after decompression.", unit="bytes", least=1024)
    bundle_entries_max: int = _set(5000, "Most entries in one batch or transaction.", least=1)
    depth_max: int = _set(64, "Deepest nesting of a JSON body.", least=8)
    page_count_default: int = _set(20, "Entries of a search page when `_count` is absent.", least=1)
    page_count_max: int = _set(1000, "Largest `_count` that is honoured.", least=1)
    include_max: int = _set(1000, "Most resources that `_include` and `_revinclude` add to one page.", least=0)
    include_depth_max: int = _set(8, "Most rounds that `:iterate` follows.", least=1)
    chain_depth_max: int = _set(6, "Longest chain, `_has` included.", least=1)
    chain_ids_max: int = _set(100_000, "Most resources that one hop of a chain may pass on.", least=1)
    or_values_max: int = _set(200, "Most comma-separated values of one search parameter.", least=1)
    search_params_max: int = _set(100, "Most parameters of one search.", least=1)
    query_bytes_max: int = _set(64 * 1024, "Longest query string.", unit="bytes", least=1024)
    total_max: int = _set(10000, "A total is counted up to here unless `_total=accurate` asks for all.", least=0)

    search_seconds_max: int = _set(
        20, "Longest time that the database works on one statement of a search.", unit="s", least=1
    )

    disk_low_mb: int = _set(2048, "Free space below which we announce a disk that fills up.", unit="MB", least=1)
    disk_full_mb: int = _set(512, "Free space below which writes are refused; reading goes on.", unit="MB", least=1)
    disk_reserve_mb: int = _set(
        256, "Space kept in a file, given back on a full disk so that reading and its audit go on.", unit="MB", least=0
    )

    insurance_url: str = _set(
        "", "Address of the insurer's portal (card look-up, check-in); unset means not connected: messages wait."
    )
    insurance_user: str = _set("", "Account of this facility at the insurer's portal.")
    insurance_password: str = _set("", "Password of that account.")
    prescription_url: str = _set(
        "", "Address of the national prescription system; unset means not connected: prescriptions wait."
    )
    prescription_facility: str = _set(
        "", "Code of this facility in the national prescription system; of several facilities, divided by commas."
    )
    prescription_password: str = _set("", "Password of that code; of several codes in their order, divided by commas.")
    sms_url: str = _set("", "Address of the gateway that sends short messages; unset means that none are sent.")

    bank_url: str = _set(
        "",
        "Address of the bank's statement service for the first tenant, or slug=address of each tenant, divided by commas; "
        "unset means that only its notices tell of money.",
    )
    bank_secret: str = _set(
        "",
        "Secret under which the bank of the first tenant signs its notices, or slug=secret of each tenant, divided by "
        "commas; unset means that none is taken.",
    )
    einvoice_url: str = _set("", "Address of the e-invoice provider; unset means not connected: invoices wait.")
    einvoice_user: str = _set("", "Account of this facility at the e-invoice provider.")
    einvoice_password: str = _set("", "Password of that account.")

    job_lease_seconds: int = _set(300, "A job whose worker is silent this long is given to another.", unit="s", least=5)
    job_poll_ms: int = _set(1000, "How often an idle worker looks for jobs.", unit="ms", least=10)
    stop_seconds: int = _set(20, "How long a stop waits before it insists.", unit="s", least=1)

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from the environment; raises SettingError with one sentence."""
        known = {PREFIX + one.name.upper(): one for one in dataclasses.fields(cls)}
        hints = typing.get_type_hints(cls)
        values: dict[str, Any] = {}
        for name, text in environ.items():
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                raise SettingError(_unknown(name, list(known)))
            one = known[name]
            values[one.name] = _parse(name, text, hints[one.name], one.metadata)
        return check(cls(**values))

    def listen(self) -> tuple[str, int]:
        """Host and port of the web door."""
        host, port = self.http.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def is_loopback(self) -> bool:
        """Whether the web door is open to this machine only."""
        return is_loopback(self.listen()[0])


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of a child process of this node: ours, with the same home and the same code."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(one for one in paths if one),
        "LIENMACH_HOME": str(settings.home),
    }


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check(settings: Settings) -> Settings:
    """Refuse settings that contradict each other; return them otherwise."""
    host, _, port = settings.http.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise SettingError(f"LIENMACH_HTTP is {settings.http!r}; it takes HOST:PORT such as 127.0.0.1:8000.")
    if settings.database_owner_url and not settings.database_url:
        raise SettingError("LIENMACH_DATABASE_OWNER_URL is set but LIENMACH_DATABASE_URL is not; set both or none.")
    if settings.pool_min > settings.pool_max:
        raise SettingError(
            f"LIENMACH_POOL_MIN ({settings.pool_min}) is larger than LIENMACH_POOL_MAX ({settings.pool_max})."
        )
    if settings.disk_full_mb > settings.disk_low_mb:
        raise SettingError(
            f"LIENMACH_DISK_FULL_MB ({settings.disk_full_mb}) is larger than LIENMACH_DISK_LOW_MB "
            f"({settings.disk_low_mb}); the announcement must come before the refusal."
        )
    return settings


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"There is no setting {name}" + (
        f"; {close[0]} was meant?" if close else "; see docs/reference/settings.md."
    )


def _parse(name: str, text: str, hint: Any, metadata: Mapping[str, Any]) -> Any:
    optional = isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)
    if optional:
        if text == "":
            return None
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    if hint is Path:
        if not text:
            raise SettingError(f"{name} is empty; it takes a folder.")
        return Path(text)
    if hint is bool:
        if text.lower() not in ("0", "1", "true", "false", "yes", "no"):
            raise SettingError(f"{name} is {text!r}; it takes true or false.")
        return text.lower() in ("1", "true", "yes")
    if hint is int:
        return _whole(name, text, metadata)
    if metadata["choices"] and text not in metadata["choices"]:
        raise SettingError(f"{name} is {text!r}; it takes one of {', '.join(metadata['choices'])}.")
    return text


def _whole(name: str, text: str, metadata: Mapping[str, Any]) -> int:
    unit = f" ({metadata['unit']})" if metadata["unit"] else ""
    try:
        value = int(text)
    except ValueError:
        raise SettingError(f"{name} is {text!r}; it takes a whole number{unit}.") from None
    least = metadata["least"]
    if least is not None and value < least:
        raise SettingError(f"{name} is {value}; the least that makes sense is {least}{unit}.")
    return value

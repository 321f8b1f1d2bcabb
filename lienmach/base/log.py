"""Logging: one line per event, for eyes or for machines, without patient data.

Three rules keep patient data out. Fields of an event come from the list below: names, values and
identifiers of people have no field. The text of an exception is written only for our own errors
and for the operating system's, since a database or a parser quotes what it was given; of the others
the type and the places in our code are written. URLs are written without their query.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from lienmach.base.errors import Failure
from lienmach.base.settings import SettingError, Settings

FIELDS = frozenset(
    "tenant route method status ms bytes count kind job_id process port path_template worker attempt seconds free_mb "
    "interaction resource_type error version request_id".split()
)
_OWN_WORDS = (Failure, SettingError, OSError)


def configure(settings: Settings) -> None:
    """Send every logger of this process to standard error, in the format of the settings."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    sink = logging.StreamHandler(sys.stderr)
    sink.setFormatter(Machine() if as_json else Eyes())
    root = logging.getLogger()
    root.handlers[:] = [sink]
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "asyncio", "pyBarcode", "pyhanko"):
        logging.getLogger(name).setLevel(logging.WARNING)


def event(logger: logging.Logger, name: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event with fields from FIELDS; a field that is not there raises ValueError."""
    if not fields.keys() <= FIELDS:
        raise ValueError(f"Log fields {sorted(fields.keys() - FIELDS)} are not among those that may be logged.")
    logger.log(level, name, extra={"fields": fields})


def without_query(url: str) -> str:
    """The path of a URL: what follows `?` or `#` may name a person."""
    return url.split("?", 1)[0].split("#", 1)[0]


def trace(error: BaseException) -> str:
    """The places an exception came through, and its text only where it can hold no patient data."""
    words = str(error) if isinstance(error, _OWN_WORDS) else getattr(error, "sqlstate", None) or ""
    lines = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    head = f"{type(error).__module__}.{type(error).__qualname__}" + (f": {words}" if words else "")
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n  ".join([head, *lines]) + (f"\ncaused by {trace(cause)}" if cause is not None else "")


class Eyes(logging.Formatter):
    """`21:04:05 info  record.committer  words field=value`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in getattr(record, "fields", {}).items())
        at = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        line = f"{at} {record.levelname.lower():7} {_source(record)}  {record.getMessage()}{fields}"
        return line + (f"\n{trace(record.exc_info[1])}" if record.exc_info and record.exc_info[1] else "")


class Machine(logging.Formatter):
    """One JSON object a line: at, level, source, event and the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "source": _source(record), "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }  # fmt: skip
        if record.exc_info and record.exc_info[1]:
            line["trace"] = trace(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def _source(record: logging.LogRecord) -> str:
    return record.name.removeprefix("lienmach.")

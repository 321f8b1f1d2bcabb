"""Logs: one line, known fields, no text that may quote a patient."""

from __future__ import annotations

import json
import logging

import pytest

from lienmach.base import log
from lienmach.base.errors import Conflict


def _record(error: BaseException | None = None, **fields: object) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("lienmach.record.write", logging.INFO, "", 1, "stored", (), info)
    record.fields = fields
    return record


def _raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_a_line_for_machines_is_one_json_object_with_its_fields() -> None:
    line = json.loads(log.Machine().format(_record(tenant=1, status=201)))
    assert (
        line["event"] == "stored" and line["tenant"] == 1 and line["status"] == 201 and line["source"] == "record.write"
    )


def test_the_text_of_a_foreign_exception_is_not_written() -> None:
    error = _raised(ValueError("Nguyễn Văn An"))
    for formatter in (log.Eyes(), log.Machine()):
        text = formatter.format(_record(error))
        assert "ValueError" in text and "test_log.py" in text and "Nguy" not in text


def test_the_text_of_the_cause_is_not_written_either() -> None:
    try:
        raise Conflict("the version moved") from _raised(KeyError("0912345678"))
    except Conflict as caught:
        text = log.trace(caught)
    assert "the version moved" in text and "KeyError" in text and "0912345678" not in text


def test_a_field_that_is_not_on_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="patient_name"):
        log.event(logging.getLogger("x"), "stored", patient_name="An")


def test_a_url_is_written_without_its_query() -> None:
    assert log.without_query("/fhir/Patient?name=an#x") == "/fhir/Patient"

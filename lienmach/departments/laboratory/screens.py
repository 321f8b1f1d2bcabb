"""What the pages of the laboratory show of people and results: plain values for templates."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from lienmach.care import banner, resources
from lienmach.care.resources import Resource
from lienmach.departments.laboratory import facts, ranges
from lienmach.departments.laboratory.panel import Earlier, Test
from lienmach.record.transaction import Transaction
from lienmach.web import shell


def person(tx: Transaction, patient: Resource, request: Request) -> banner.Banner:
    """Name, sex, birth and age of a person."""
    return banner.build(patient, today=facts.today(tx), en=shell.language_of(request) == "en")


async def people(tx: Transaction, owners: list[Resource], request: Request) -> dict[str, banner.Banner]:
    """The people whom these resources are about, by id."""
    wanted = sorted({resources.id_of(one.get("subject") or one.get("for"), "Patient") for one in owners} - {""})
    found: dict[str, banner.Banner] = {}
    for start in range(0, len(wanted), 200):
        for patient in await resources.find(tx, "Patient", ("_id", ",".join(wanted[start : start + 200]))):
            found[patient["id"]] = person(tx, patient, request)
    return found


def flag(observation: Resource | None) -> dict[str, str]:
    """Sign and word of an abnormal value, both "" for an ordinary one."""
    code = facts.flag_of(observation) if observation else ""
    sign, word = facts.FLAGS.get(code, ("", ""))
    return {"code": code, "sign": sign, "word": word}


def line(
    test: Test, before: Earlier | None, out: dict[tuple[str, str], tuple[str, ...]], *, is_open: bool
) -> dict[str, Any]:
    """One row of the table of results. out: tests of analysers that are out of control, with the rules they break."""
    found = test.observation if facts.has_value(test.observation) else None
    status = found["status"] if found else ""
    device = resources.id_of((found or {}).get("device"), "Device")
    return {
        "key": test.key,
        "order": test.order["id"],
        "name": test.indicator.name,
        "code": test.indicator.code,
        "unit": test.unit,
        "range": ranges.shown(test.limits),
        "value": facts.value_text(found) if found else "",
        "flag": flag(found),
        "status": status,
        "is_passed": bool(found) and facts.is_technically_valid(found or {}),
        "is_released": status in facts.RELEASED,
        "is_open": is_open and status not in facts.RELEASED,
        "is_number": test.is_number,
        "device": ((found or {}).get("device") or {}).get("display", ""),
        "sent": next((one.get("valueString") for one in (found or {}).get("extension", ())
                      if one.get("url") == facts.REPORTED), ""),
        "notes": [one.get("text", "") for one in (found or {}).get("note", ())],
        "before": before,
        "out": out.get((device, test.indicator.code), ()) if status == "preliminary" else (),
        "version": (test.observation or {}).get("meta", {}).get("versionId", "0"),
    }  # fmt: skip

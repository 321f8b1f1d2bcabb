"""Hostile requests at every form of every department, as each role that may send it: no 5xx, a sentence, no half change.

Seeded: LM_TEST_SEED=… repeats a run. Each request draws every field anew: right, of another visit, hostile or missing.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import money_day
import pytest
from day_of_work import Day, begin, fields_of, pick
from starlette.routing import Route

from lienmach.app import DEPARTMENTS
from lienmach.care import resources
from tests.clinic import STAFF, Clinic
from tests.departments.citizen import own_world
from tests.web.client import Browser, build

SEED = int(os.environ.get("LM_TEST_SEED", "") or random.SystemRandom().randrange(10**6))
TRIES = int(os.environ.get("LM_TEST_ROUNDS", "8"))
SCRIPT = "<script>alert(7)</script>"
HOSTILE = (
    "", " ", "a\0b", SCRIPT, "\"'><img src=x onerror=alert(7)>", "'; drop table version; --", "\u202e", "x" * 20_000,
    "9" * 400, "9" * 5000, "²", "³¼", "٠١٢", "{{7*7}}", "../../etc/passwd", "\r\nx: y", "đ" * 300, "|||||||", "-1", "0",
    "-0", "0,0000001", "1e999", "1e-999999999", "nan", "inf", "99999999999999999999", "30/02/2024", "01/01/2999",
    "2999-01-01", "0000-00-00", "31/12/0001", "Nguyễn " * 60, "e\u0301" * 50, "\u200b", "\ufeff", "😀" * 20, "\x1b[31m",
    "079201012345||Tên||NAM", "001|", "Patient/nobody", "Encounter/../Patient", "%00", "_id", "urn:uuid:x", "1|2", "add:",
    "cancel:", "set:²", "drop:²", "drop:99999999999", "add:" + "9" * 5000, "restore:nobody", "cancel:" + "a" * 65,
)  # fmt: skip
SENSIBLE = (
    "1", "2", "10", "1,5", "J00", "I10", "PARA500", "AMOX500", "XN-DIEN-GIAI", "XN-HBA1C", "Ho, sốt", "routine", "bhyt",
    "self", "yes", "01", "1.1", "9", "2026-11-22", "22/11/2026", "01/02/1990", "0912345678", "Nguyễn Văn Ân", "male",
    "583914", "L1", "hl7", "K", "mmol/L", "6.8", "4.2", "lý do thử", "add:XN-GLU", "add:XN-DIEN-GIAI", "place", "agree",
    "keep", "DN4860012345671",
)  # fmt: skip
ROLES = {
    "administration": ("admin", "director"), "insurance": ("reception", "insurance"), "laboratory": ("lab_head", "nurse", "doctor"),
    "outpatient": ("doctor", "nurse"), "pharmacy": ("pharmacist", "retail"), "registration": ("reception", "doctor"),
    "signing": ("doctor",), "billing": ("cashier", "insurance"), "leaders": ("director", "department", "doctor"),
    "citizen": ("", "own"),
}  # fmt: skip
KINDS = {
    "visits": "Encounter", "patients": "Patient", "specimens": "Specimen", "prescriptions": "prescription",
    "sales": "prescription", "orders": "ServiceRequest", "tickets": "ticket", "places": "Location", "messages": "message",
    "analysers": "analyser", "arrivals": "Patient", "alerts": "Task", "dat-kham": "ticket", "so": "ticket",
    "signatures": "Composition", "controls": "analyser", "unmatched": "message", "receipts": "receipt",
    "invoices": "einvoice", "statements": "Invoice", "shifts": "shift", "transfers": "transfer", "claims": "Encounter",
    "rejections": "rejection", "cases": "case",
}  # fmt: skip
VALUES = {
    "form": ("02", "03", "05", "06"), "version": ("1", "2", "0"), "day": ("2026-11-22", "2026-02-30", "9999-12-31"),
    "tile": ("visits", "waiting", "money", "rejections", "alerts"), "type": ("doctor", "place", "group"),
}  # fmt: skip
WORDS = re.compile(r"[ăâđêôơưáàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ]", re.IGNORECASE)


@pytest.fixture
async def day(clinic: Clinic) -> Day:
    return await begin(clinic)


@pytest.fixture
async def sign_in(clinic: Clinic) -> Any:
    made: list[Browser] = []
    app = build(clinic.store, clinic.settings, DEPARTMENTS)

    async def enter(login: str) -> Browser:
        browser = Browser(app, f"10.0.0.{len(made) + 1}")
        made.append(browser)
        if login == "own":
            async with clinic.store.begin(clinic.actor("system")) as tx:
                people = await resources.find(tx, "Patient", count=50)
            cookie = await money_day.own_cookie(clinic, people[0]["id"])
            browser.client.cookies.set("lienmach-own", cookie, domain="127.0.0.1", path="/")
            await browser.get("/citizen/home")
        elif login:
            assert (await browser.sign_in(login)).status_code == 303
            await browser.get("/password")
        else:
            own_world.sending(clinic)
            await browser.get("/cua-toi")
        return browser

    yield enter
    for one in made:
        await one.client.aclose()


def _address(route: Route, day: Day, lots: random.Random) -> str:
    kind = next((KINDS[part] for part in route.path.split("/") if part in KINDS), "Patient")

    def fill(found: re.Match[str]) -> str:
        draw = lots.random()
        if draw < 0.7:
            value = pick(lots, day.ids.get(kind, []))
        elif draw < 0.8:
            value = pick(lots, day.ids[pick(lots, sorted(day.ids))])
        elif draw < 0.85:
            value = day.ids["elsewhere"][0]
        else:
            value = lots.choice(HOSTILE)[:500] or "x"
        if found[1] == "list":
            value = lots.choice(("icd10", "drug", "service", value))
        if found[1] in VALUES:
            value = lots.choice((*VALUES[found[1]], value))
        if found[1] in ("kind", "paper"):
            value = lots.choice(("referral", "sick-leave", "appointment-slip", "visit-summary", value))
        return quote(value, safe="")

    return re.sub(r"\{(\w+)(?::\w+)?\}", fill, route.path)


def _form(seen: Seen, day: Day, lots: random.Random) -> dict[str, Any]:
    """Fields of a request. Mostly what a person would send with one field wrong, sometimes everything at once."""
    is_wild = lots.random() < 0.3
    form: dict[str, Any] = {}
    for name, values in seen.fields.items():
        draw = lots.random()
        if not is_wild:
            if values and draw < 0.8:
                form[name] = lots.choice(values)
            elif draw < 0.9:
                form[name] = lots.choice(SENSIBLE)
        elif draw < 0.2:
            form[name] = pick(lots, day.ids[pick(lots, sorted(day.ids))])
        elif draw < 0.8:
            form[name] = lots.choice(HOSTILE)
    for name in lots.sample(sorted(seen.fields), min(2, len(seen.fields))):
        form[name] = lots.choice((lots.choice(HOSTILE), [lots.choice(SENSIBLE), lots.choice(HOSTILE)]))
    for kind in ("quantity-", "drug-", "value-", "reason:", "indicator:"):
        for owner in ("MedicationRequest", "Observation", "ServiceRequest"):
            if day.ids.get(owner) and lots.random() < 0.2:
                form[kind + pick(lots, day.ids[owner])] = lots.choice((*HOSTILE, *SENSIBLE))
    return form


_TAG = re.compile(r"<(?:input|button|select|textarea|option)\b[^>]*>")
_ATTRIBUTE = re.compile(r'\b(name|value)="([^"]*)"')


class Seen:
    """Names and values that the forms of a department's pages really carry."""

    def __init__(self, department: str) -> None:
        names, choices = fields_of(department)
        self.fields: dict[str, list[str]] = {name: list(choices.get(name, ())) for name in names}

    def learn(self, page: str) -> None:
        name = ""
        for tag in _TAG.findall(page):
            found = dict(_ATTRIBUTE.findall(tag))
            name = found.get("name", name if tag.startswith("<option") else "")
            if name and name not in ("csrf", "viewport") and len(self.fields) < 120:
                values = self.fields.setdefault(name, [])
                if found.get("value") and found["value"] not in values and len(values) < 60:
                    values.append(found["value"])


def _faults(answer: Any, what: str) -> list[str]:
    found = []
    if answer.status_code >= 500:
        found.append(f"{what}: {answer.status_code}")
    if SCRIPT in answer.text or "<img src=x" in answer.text:
        found.append(f"{what}: markup of the asker came back")
    is_said = answer.headers.get("content-type", "").startswith(("text/html", "application/json"))
    if 400 <= answer.status_code < 500 and not (is_said and WORDS.search(re.sub(r"<[^>]+>", " ", answer.text))):
        found.append(f"{what}: {answer.status_code} without a sentence: {answer.text[:80]!r}")
    return found


def _told(form: dict[str, Any]) -> str:
    return str({name: (value[:24] if isinstance(value, str) else value) for name, value in form.items()})[:1500]


@pytest.mark.parametrize("department", [one.name for one in DEPARTMENTS])
async def test_no_form_answers_nonsense_with_a_server_error(
    department: str, day: Day, sign_in: Callable[..., Any]
) -> None:
    print(f"seed {SEED}")
    lots = random.Random(f"{SEED}-{department}")
    own = next(one for one in DEPARTMENTS if one.name == department)
    wrong: list[str] = []
    for login in ROLES[department]:
        assert login in STAFF or login in ("admin", "department", "own", "")
        browser = await sign_in(login)
        page, seen = browser.page, Seen(department)
        for route in sorted(own.routes, key=lambda one: "POST" in (one.methods or ())):
            for number in range(TRIES):
                path, form = _address(route, day, lots), _form(seen, day, lots) if number else {}
                what = f"{login} {'/'.join(sorted(route.methods or ()))} {route.path} ({path[:80]}) {_told(form)}"
                headers = {"hx-request": "true"} if lots.random() < 0.3 else {}
                if "POST" in (route.methods or ()):
                    browser.page = page
                    before = await day.state()
                    answer = await browser.post(path, form, headers=headers)
                    if answer.status_code >= 400 and await day.state() != before:
                        wrong.append(f"{what}: refused with {answer.status_code}, yet something changed")
                else:
                    query = {name: value for name, value in form.items() if len(str(value)) < 500}
                    answer = await browser.get(path, params=query, headers=headers)
                    seen.learn(answer.text)
                wrong += _faults(answer, what)
    assert not wrong, f"seed {SEED}: {len(wrong)} faults\n" + "\n".join(wrong[:20])

"""Pages of the noun "access": who has opened this person's record, in plain words, newest first."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.departments.registration import banners, fhir_words
from lienmach.departments.registration.patient import checked_id
from lienmach.identity import roles
from lienmach.record import search
from lienmach.standards.fhir import json as fhir_json
from lienmach.web import rendering, shell
from lienmach.web.pages import page

PAGE_COUNT = 50
#: AuditEvent.subtype (FHIR restful-interaction) -> what was done, as a key of `web/words`.
_DONE = {
    "read": "Xem",
    "vread": "Xem bản cũ",
    "history-instance": "Xem lịch sử sửa",
    "search-type": "Tìm thấy khi tra cứu",
    "search-system": "Mở hồ sơ",
    "create": "Ghi mới",
    "update": "Sửa",
    "patch": "Sửa",
    "delete": "Xoá",
    "transaction": "Gửi nhiều mục",
    "batch": "Gửi nhiều mục",
    "history-type": "Xem lịch sử sửa",
    "history-system": "Xem lịch sử sửa",
}
#: v3 PurposeOfUse -> why, as a key of `web/words`.
_PURPOSE = {
    "TREAT": "Khám chữa bệnh",
    "ETREAT": "Cấp cứu",
    "BTG": "Phá khoá khẩn cấp",
    "HPAYMT": "Thanh toán",
    "HOPERAT": "Quản lý cơ sở",
    "PATADMIN": "Tiếp đón, hành chính",
    "SYSADMIN": "Quản trị hệ thống",
    "HRESCH": "Nghiên cứu",
    "PUBHLTH": "Y tế công cộng",
    "HTEST": "Dữ liệu thử",
}
_WRITES = frozenset({"create", "update", "patch", "delete", "transaction", "batch"})


@page("patients.access")
async def index(request: Request, actor: Actor) -> Response:
    """GET /registration/patients/{id}/access?after= — a page of accesses; with htmx the block `rows`."""
    patient_id = checked_id(request)
    after = request.query_params.get("after", "")
    language = shell.language_of(request)
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", what=f"Patient/{patient_id}", query=f"/registration/patients/{patient_id}/access")
        banner = await banners.read(tx, patient_id, language)
        params = [("patient", f"Patient/{patient_id}"), ("_count", str(PAGE_COUNT)), ("_total", "none")]
        found = await search.search(tx, "AuditEvent", params + ([("_page", after)] if after else []))
        events = [_event(fhir_json.parse(one.body), language) for one in found.matches]
        more = "?" + urlencode({"after": found.next_cursor}) if found.next_cursor else ""
        return rendering.render(
            request,
            "registration/patient_access.html",
            block="rows" if rendering.is_fragment(request) else "",
            banner=banner,
            patient_id=patient_id,
            events=events,
            more=more,
            tab="access",
            can_read=roles.may(actor, "patients.read"),
            can_see_access=True,
        )


def _event(resource: dict[str, Any], language: str) -> dict[str, Any]:
    agents = [one for one in resource.get("agent") or [] if isinstance(one, dict)]
    person = next((one for one in agents if one.get("requestor")), agents[0] if agents else {})
    who = person.get("who") or {}
    purposes = person.get("purposeOfUse") or resource.get("purposeOfEvent") or [{}]
    code = str((purposes[0].get("coding") or [{}])[0].get("code", ""))
    done = str(((resource.get("subtype") or [{}])[0]).get("code", ""))
    return {
        "at": resource.get("recorded", ""),
        "who": who.get("display") or (who.get("identifier") or {}).get("value") or who.get("reference") or "?",
        "login": (who.get("identifier") or {}).get("value", ""),
        "roles": [_role(one, language) for one in person.get("role") or []],
        "done": _DONE.get(done, done),
        "is_write": done in _WRITES,
        "is_refused": resource.get("outcome") == "4",
        "what": _what(resource, language),
        "purpose": _PURPOSE.get(code, code),
        "address": next(
            (str((one.get("network") or {}).get("address", "")) for one in agents if one.get("network")), ""
        ),
    }


def _role(concept: dict[str, Any], language: str) -> str:
    code = str((concept.get("coding") or [{}])[0].get("code", ""))
    role = roles.ROLES.get(code)
    return code if role is None else role.title_vi if language == "vi" else role.title_en


def _what(resource: dict[str, Any], language: str) -> str:
    kinds = []
    for entity in resource.get("entity") or []:
        kind = str((entity.get("what") or {}).get("reference", "")).partition("/")[0]
        if kind and kind != "Patient":
            kinds.append(fhir_words.type_word(kind, language))
    return ", ".join(dict.fromkeys(kinds))


ROUTES = (Route("/registration/patients/{id}/access", index, name="patient-access"),)

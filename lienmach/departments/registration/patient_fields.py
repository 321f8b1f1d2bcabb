"""The fields of a person on a form: what was typed, what must be mended, what the template needs.

Registering (patient_new.py), putting right (patient_details.py) and receiving (arrival.py) share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request

from lienmach.care import catalogues, person_draft
from lienmach.care.catalogues import Row
from lienmach.care.person_draft import PersonDraft
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import ethnic_groups, names, places
from lienmach.web import formats, forms, rendering, shell

FORM = "registration/person_form.html"
ADDRESS = "registration/person_address.html"
LENGTH_MAX = 500
_TEXTS = (
    "name", "sex", "citizen_number", "old_number", "insurance_number", "social_number", "passport", "phone",
    "address_line", "province_code", "commune_code", "address_text", "former_address", "address_reason", "ethnic_code",
    "occupation_code", "nationality_code", "nationality_text", "blood_group", "guardian", "guardian_phone",
)  # fmt: skip
_NAME_CHARACTERS_MAX = 200
_NAME_LONG = "Họ tên dài quá 200 ký tự. Hãy xem lại: có thể thông tin khác đã bị dán vào ô này."
_BIRTH_AHEAD = "Ngày sinh ở tương lai. Hãy xem lại năm sinh trên thẻ."
ADDRESS_MISSING = "Có thẻ BHYT thì cần phường, xã. Hãy hỏi địa chỉ; nếu chưa có, ghi lý do ở ô bên dưới."
SEXES = (("male", "Nam"), ("female", "Nữ"), ("other", "Khác"), ("unknown", "Chưa rõ"))
LABELS = {
    "name": "Họ và tên",
    "sex": "Giới tính",
    "birth": "Ngày sinh",
    "citizen_number": "Số căn cước",
    "old_number": "Số CMND cũ",
    "insurance_number": "Số thẻ BHYT",
    "social_number": "Mã số BHXH",
    "passport": "Hộ chiếu",
    "phone": "Điện thoại",
    "address": "Địa chỉ",
    "nationality": "Quốc tịch",
    "ethnic": "Dân tộc",
    "occupation": "Nghề nghiệp",
    "blood_group": "Nhóm máu",
    "guardian": "Người đi cùng trẻ",
    "guardian_phone": "Điện thoại người đi cùng",
}


@dataclass(frozen=True)
class Lists:
    """The code lists of today that the form offers."""

    occupations: list[Row]
    nationalities: list[Row]


@dataclass(frozen=True)
class Typed:
    """What a form sent. draft: its birth is a FHIR date, or as typed where it is none. born: how that was read."""

    draft: PersonDraft
    born: forms.ReadDate


async def lists(tx: Transaction) -> Lists:
    """Occupations and nationalities of today."""
    day = catalogues.today(tx)
    return Lists(
        await catalogues.all_of(tx, "nghe-nghiep", on=day),
        sorted(await catalogues.all_of(tx, "quoc-tich", on=day), key=lambda one: one.code),
    )


def read(request: Request, form: FormData, known: Lists, *, own: PersonDraft = PersonDraft()) -> Typed:
    """The fields as sent; a code that neither a list nor the record itself (own) has is left out."""
    draft = read_address(form, replace(PersonDraft(), **texts(form)))
    occupations = {row.code: row.name for row in known.occupations}
    occupations.setdefault(own.occupation_code, own.occupation_name or own.occupation_code)
    if draft.nationality_code not in {own.nationality_code, *(row.code for row in known.nationalities)}:
        draft = replace(draft, nationality_code="")
    if draft.nationality_code:
        draft = replace(draft, nationality_text="")
    name = occupations.get(draft.occupation_code, "")
    draft = replace(draft, occupation_code=draft.occupation_code if name else "", occupation_name=name)
    typed = str(form.get("birth", ""))[:LENGTH_MAX]
    born = forms.read_date(typed, request.app.state.store.now())
    return Typed(replace(draft, birth=born.fhir or typed), born)


def texts(form: FormData) -> dict[str, Any]:
    """The plain texts of the form, cut at a length that no honest value has."""
    return {name: str(form.get(name, "")).strip()[:LENGTH_MAX] for name in _TEXTS}


def read_address(form: Mapping[str, Any], draft: PersonDraft) -> PersonDraft:
    """The draft with the typed commune as its code if exactly one fits, else as text."""
    typed = str(form.get("commune", "")).strip()[:80]
    province = places.province(draft.province_code)
    if not typed:
        return draft
    name, _, behind = typed.partition(",")
    fits = [
        one
        for one in places.search(typed, province_code=draft.province_code or None)
        if one.full_name.casefold() == name.strip().casefold()
    ]
    if len(fits) == 1:
        return replace(draft, commune_code=fits[0].code, province_code=fits[0].province, address_text="")
    whole = ", ".join(
        part for part in (draft.address_line, typed, province.full_name if province and not behind else "") if part
    )
    return replace(draft, commune_code="", address_text=whole)


def faults(request: Request, typed: Typed) -> dict[str, str]:
    """Field -> what must be mended before the person can be stored, in the order of the form."""
    found: dict[str, str] = {}
    draft, born = typed.draft, typed.born
    for remark in person_draft.missing(draft):
        found[remark.code.partition("-")[0]] = remark.vi if shell.language_of(request) == "vi" else remark.en
    if len(draft.name) > _NAME_CHARACTERS_MAX:
        found["name"] = rendering.text(request, _NAME_LONG)
    if born.fault:
        found["birth"] = rendering.text(request, born.fault)
    elif born.fhir > request.app.state.store.now().astimezone(formats.ZONE).date().isoformat():
        found["birth"] = rendering.text(request, _BIRTH_AHEAD)
    if (draft.insurance_number or draft.social_number) and not (
        person_draft.is_placed(draft) or draft.address_reason.strip()
    ):
        found["commune"] = rendering.text(request, ADDRESS_MISSING)
    return found


def remarks(request: Request, draft: PersonDraft) -> list[str]:
    """What the numbers of a draft make one ask, in the language of the page."""
    store = request.app.state.store
    is_vietnamese = shell.language_of(request) == "vi"
    return [remark.vi if is_vietnamese else remark.en for remark in person_draft.check(draft, on=store.now().date())]


def values(
    draft: PersonDraft,
    known: Lists,
    *,
    faults: dict[str, str] | None = None,
    born: forms.ReadDate | None = None,
    similar: list[dict[str, Any]] | None = None,
    is_reason_asked: bool = False,
    reason: str = "",
    locked: frozenset[str] = frozenset(),
    own: str = "",
) -> dict[str, Any]:
    """What the template person_form.html needs. own: id of the person whose form it is, "" for a new one."""
    return {
        "draft": draft,
        "faults": faults or {},
        "first_fault": next(iter(faults or {}), ""),
        "born": born or forms.ReadDate(draft.birth, "", ""),
        "birth": forms.write_date(draft.birth),
        "similar": similar or [],
        "is_reason_asked": is_reason_asked,
        "reason": reason,
        "remarks": [],
        "locked": locked,
        "own": own,
        "sexes": SEXES,
        "groups": ethnic_groups.all_groups(),
        "occupations": known.occupations,
        "nationalities": known.nationalities,
        "blood_groups": person_draft.BLOOD_GROUPS,
        **address_values(draft),
    }


def address_values(draft: PersonDraft) -> dict[str, Any]:
    """What the address part of a form needs."""
    commune = places.commune(draft.commune_code)
    successors = places.read(draft.address_text).candidates
    return {
        "commune": commune.full_name if commune else "",
        "communes": successors,
        "successors": [one.full_name for one in successors],
        "province_of": {},
        "provinces": sorted(places.provinces(places.REFORM_ON), key=lambda one: names.alphabet_key(one.name)),
    }


def words(request: Request, field: str, value: str, known: Lists) -> str:
    """What the record says of a field (care/person_change.py), as a person reads it."""
    if field == "sex":
        return rendering.text(request, dict(SEXES)[value]) if value in dict(SEXES) else value
    if field == "birth":
        return forms.write_date(value)
    if field == "ethnic":
        group = ethnic_groups.group(value)
        return group.name if group else value
    if field in ("commune", "province"):
        place = places.commune(value) if field == "commune" else places.province(value)
        return place.full_name if place else value
    if field == "nationality":
        return next((one.name for one in known.nationalities if one.code == value), value)
    return value

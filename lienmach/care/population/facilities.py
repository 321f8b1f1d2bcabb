"""Where the synthetic people are treated: one district hospital, commune stations, staff. All invented.

Their names end in "(mẫu)", a sample, so that nobody takes them for real places or persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from lienmach.care import person_draft
from lienmach.care.population import invented_names, made
from lienmach.standards.vietnam import places

HOME_PROVINCE = "86"  # Vĩnh Long
_STATIONS = 6
_STAFF = (("Bác sĩ", "BS.", 10), ("Điều dưỡng", "ĐD.", 8), ("Dược sĩ", "DS.", 2), ("Kỹ thuật viên", "KTV.", 3))


@dataclass(frozen=True)
class Facilities:
    """hospital, insurer: Organization. stations: (commune code, Organization). doctors, nurses: Practitioner."""

    hospital: dict[str, Any]
    insurer: dict[str, Any]
    stations: tuple[tuple[str, dict[str, Any]], ...]
    doctors: tuple[dict[str, Any], ...]
    nurses: tuple[dict[str, Any], ...]
    resources: tuple[dict[str, Any], ...]


def build(seed: int) -> Facilities:
    """The facilities of a seed; the same for the same seed."""
    random = Random(f"facilities-{seed}")
    communes = places.communes(HOME_PROVINCE)
    chosen = random.sample(communes, _STATIONS)
    hospital = _organization(f"d{seed}-hospital", "Trung tâm Y tế khu vực Liền Mạch (mẫu)", "prov", chosen[0])
    insurer = _organization(f"d{seed}-insurer", "Bảo hiểm xã hội (mẫu)", "ins", chosen[0])
    stations = tuple(
        (
            one.code,
            _organization(f"d{seed}-station-{one.code}", f"Trạm Y tế {one.full_name} (mẫu)", "prov", one, hospital),
        )
        for one in chosen
    )
    staff: dict[str, list[dict[str, Any]]] = {}
    for word, title, count in _STAFF:
        for number in range(1, count + 1):
            sex = random.choice(("male", "female"))
            style = invented_names.STYLES[0]
            full = invented_names.draw_full(style, invented_names.draw_family(style, random), sex, random)
            name = person_draft.human_name(full)
            staff.setdefault(word, []).append(
                made.resource(
                    "Practitioner",
                    f"d{seed}-staff-{len(staff)}-{number:02d}",
                    identifier=[
                        {"system": "https://lienmach.org/sid/demo-staff", "value": f"{seed}-{len(staff)}-{number:02d}"}
                    ],
                    active=True,
                    name=[{**name, "text": f"{title} {full} (mẫu)", "prefix": [title]}],
                    gender=sex,
                    qualification=[{"code": {"text": word}}],
                )
            )
    everyone = [one for group in staff.values() for one in group]
    return Facilities(
        hospital,
        insurer,
        stations,
        tuple(staff["Bác sĩ"]),
        tuple(staff["Điều dưỡng"]),
        (hospital, insurer, *(station for _, station in stations), *everyone),
    )


def _organization(
    resource_id: str, name: str, kind: str, commune: places.Commune, parent: dict[str, Any] | None = None
) -> dict[str, Any]:
    address = person_draft.build_address(person_draft.PersonDraft(commune_code=commune.code))
    address["use"] = "work"
    return made.resource(
        "Organization",
        resource_id,
        active=True,
        type=[made.hl7("organization-type", kind)],
        name=name,
        telecom=[{"system": "phone", "value": "0000000115", "use": "work"}],
        address=[address],
        partOf=made.reference(parent) if parent else None,
    )

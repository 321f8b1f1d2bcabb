"""The demo clinic: a district hospital, a commune station and a pharmacy with rooms and staff, ready for a first visit.

Everything is invented: names end in "(mẫu)", codes are of a facility that does not exist. Staff belong to the demo
logins of identity/demo_users.py by the id `nv-<login>`. Ids are fixed, so filling twice adds nothing.
"""

from __future__ import annotations

from typing import Any

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import facility, resources, systems
from lienmach.care.population import made
from lienmach.record.transaction import Store, Transaction

HOSPITAL, STATION, PHARMACY = "bv", "tyt", "nt"

#: id, MA_CSKCB, name, level, has beds, kind of Organization, address. The codes are not in the ministry's list.
_FACILITIES = (
    (HOSPITAL, "86991", "Trung tâm Y tế khu vực Liền Mạch (mẫu)", "district", True, "prov",
     "1 Đường Mẫu, Phường Long Châu, Vĩnh Long"),
    (STATION, "86992", "Trạm Y tế Phường Mẫu (mẫu)", "commune", False, "prov", "2 Đường Mẫu, Phường Long Châu, Vĩnh Long"),
    (PHARMACY, "86993", "Nhà thuốc Liền Mạch (mẫu)", "pharmacy", False, "other",
     "3 Đường Mẫu, Phường Long Châu, Vĩnh Long"),
)  # fmt: skip

#: code, name, kind, specialty, department (MA_KHOA), facility. Specialty codes: list `specialty` of the catalogues.
_ROOMS = (
    ("TD1", "Quầy tiếp đón 1", "reception", "", "K01", HOSPITAL),
    ("P101", "Phòng khám Nội tiết 101", "exam", "noi-tiet", "K01", HOSPITAL),
    ("P102", "Phòng khám Nội tổng quát 102", "exam", "noi", "K01", HOSPITAL),
    ("P103", "Phòng khám Nội tổng quát 103", "exam", "noi", "K01", HOSPITAL),
    ("P104", "Phòng khám Nhi 104", "exam", "nhi", "K01", HOSPITAL),
    ("P105", "Phòng khám Sản phụ khoa 105", "exam", "san", "K01", HOSPITAL),
    ("LM1", "Phòng lấy mẫu", "collection", "", "K36", HOSPITAL),
    ("XN1", "Khoa Xét nghiệm", "lab", "", "K36", HOSPITAL),
    ("XQ1", "Phòng X quang", "imaging", "", "K39", HOSPITAL),
    ("SA1", "Phòng siêu âm, điện tim", "imaging", "", "K39", HOSPITAL),
    ("TT1", "Phòng thủ thuật", "procedure", "", "K01", HOSPITAL),
    ("TN1", "Quầy thu ngân", "cashier", "", "K01", HOSPITAL),
    ("CT1", "Quầy cấp phát thuốc BHYT", "dispensary", "", "K41", HOSPITAL),
    ("TYT1", "Phòng khám trạm", "exam", "noi", "K01", STATION),
    ("TYT2", "Quầy thuốc trạm", "dispensary", "", "K01", STATION),
)

#: login, name, word, sex, specialty, facility. The first of a kind is the demo login of that work.
_STAFF = (
    ("tiepdon", "Lễ tân Mẫu Tiếp Đón", "Nhân viên tiếp đón", "female", "", HOSPITAL),
    ("bacsi", "BS Mẫu Khám Bệnh", "Bác sĩ", "male", "noi-tiet", HOSPITAL),
    ("bacsi2", "BS Mẫu Nội Khoa", "Bác sĩ", "female", "noi", HOSPITAL),
    ("bacsi3", "BS Mẫu Nhi Khoa", "Bác sĩ", "female", "nhi", HOSPITAL),
    ("bacsi4", "BS Mẫu Phụ Sản", "Bác sĩ", "female", "san", HOSPITAL),
    ("bacsitram", "BS Mẫu Trạm Y Tế", "Bác sĩ", "male", "noi", STATION),
    ("dieuduong", "ĐD Mẫu Chăm Sóc", "Điều dưỡng", "female", "", HOSPITAL),
    ("xetnghiem", "KTV Mẫu Xét Nghiệm", "Kỹ thuật viên", "male", "", HOSPITAL),
    ("truongxn", "BS Mẫu Trưởng Xét Nghiệm", "Bác sĩ", "female", "", HOSPITAL),
    ("cdha", "KTV Mẫu Chẩn Đoán Hình Ảnh", "Kỹ thuật viên", "male", "", HOSPITAL),
    ("duocsi", "DS Mẫu Cấp Thuốc", "Dược sĩ", "female", "", HOSPITAL),
    ("nhathuoc", "DS Mẫu Nhà Thuốc", "Dược sĩ", "male", "", PHARMACY),
    ("thungan", "Mẫu Thu Ngân", "Thu ngân", "female", "", HOSPITAL),
    ("baohiem", "Mẫu Giám Định", "Cán bộ BHYT", "male", "", HOSPITAL),
    ("giamdoc", "BS Mẫu Giám Đốc", "Bác sĩ", "male", "", HOSPITAL),
)


def practitioner_of(login: str) -> str:
    """The reference of a demo login's Practitioner."""
    return f"Practitioner/nv-{login}"


def build() -> list[dict[str, Any]]:
    """All resources of the clinic."""
    return [*_organizations(), *_locations(), *_people(), *_offers()]


async def set_up(store: Store, actor: Actor) -> int:
    """Store what is missing; returns how many resources were added. Safe to run twice: the ids are fixed."""

    async def work(tx: Transaction) -> int:
        added = 0
        for one in build():
            if await _is_there(tx, one):
                continue
            await resources.update(tx, one)
            added += 1
        return added

    return await store.run(actor, work)


async def _is_there(tx: Transaction, resource: dict[str, Any]) -> bool:
    try:
        await resources.read(tx, resource["resourceType"], resource["id"])
    except errors.NotFound:
        return False
    except errors.Gone:
        return True  # somebody deleted it on purpose
    return True


def _organizations() -> list[dict[str, Any]]:
    return [
        made.resource(
            "Organization",
            own,
            extension=[
                {"url": facility.LEVEL, "valueCode": level},
                {"url": facility.HAS_BEDS, "valueBoolean": has_beds},
            ],
            identifier=[{"system": systems.FACILITY, "value": code}],
            active=True,
            type=[made.hl7("organization-type", kind)],
            name=name,
            telecom=[{"system": "phone", "value": "0000000115", "use": "work"}],
            address=[{"use": "work", "text": address}],
        )
        for own, code, name, level, has_beds, kind, address in _FACILITIES
    ]


def _locations() -> list[dict[str, Any]]:
    found = []
    for code, name, kind, specialty, department, owner in _ROOMS:
        types = [resources.concept(systems.ROOM_KIND, kind), resources.concept(systems.KHOA, department)]
        if specialty:
            types.append(resources.concept(systems.SPECIALTY, specialty))
        found.append(
            made.resource(
                "Location",
                f"p-{code.lower()}",
                identifier=[{"system": systems.ROOM, "value": code}],
                status="active",
                name=name,
                mode="instance",
                type=types,
                physicalType=made.hl7("location-physical-type", "ro"),
                managingOrganization={"reference": f"Organization/{owner}"},
            )
        )
    return found


def _people() -> list[dict[str, Any]]:
    found = []
    for number, (login, name, word, sex, specialty, owner) in enumerate(_STAFF, 1):
        rooms = [
            f"p-{code.lower()}"
            for code, *_, special, _, at in _ROOMS
            if special and special == specialty and at == owner
        ]
        found.append(
            made.resource(
                "Practitioner",
                f"nv-{login}",
                identifier=[{"system": systems.LICENCE, "value": f"{900000 + number:06d}/MAU-CCHN"}],
                active=True,
                name=[{"text": f"{name} (mẫu)"}],
                gender=sex,
                qualification=[{"code": {"text": word}}],
            )
        )
        found.append(
            made.resource(
                "PractitionerRole",
                f"vt-{login}",
                active=True,
                practitioner={"reference": f"Practitioner/nv-{login}", "display": name},
                organization={"reference": f"Organization/{owner}"},
                specialty=[resources.concept(systems.SPECIALTY, specialty)] if specialty else None,
                location=[{"reference": f"Location/{one}"} for one in rooms] or None,
            )
        )
    return found


def _offers() -> list[dict[str, Any]]:
    """One HealthcareService a specialty that can be booked, with the rooms where it is given."""
    by_specialty: dict[str, list[str]] = {}
    for code, _, kind, specialty, _, owner in _ROOMS:
        if kind == "exam" and owner == HOSPITAL:
            by_specialty.setdefault(specialty, []).append(f"p-{code.lower()}")
    return [
        made.resource(
            "HealthcareService",
            f"dv-{specialty}",
            active=True,
            providedBy={"reference": f"Organization/{HOSPITAL}"},
            specialty=[resources.concept(systems.SPECIALTY, specialty)],
            location=[{"reference": f"Location/{one}"} for one in places],
            appointmentRequired=False,
        )
        for specialty, places in by_specialty.items()
    ]

"""What the insurer would have accepted of the demo clinic: forms 02, 03, 05 and 06/DM for its staff, drugs and services.

Made from the clinic's own catalogues, so that every insured drug and service is in them. Codes are invented: services
stand in chapter 99, which the common list has not, machines and papers carry MAU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from lienmach.base.actor import Actor
from lienmach.care import catalogues, resources, systems
from lienmach.care.catalogues import Row
from lienmach.care.claims import accepted
from lienmach.care.population import clinic
from lienmach.record.transaction import Store, Transaction

FROM = date(2025, 1, 1)
HEAD = "nv-giamdoc"
_SOURCE = "invented for demonstration (MAU)"
_ALL_KINDS = ["exam", "lab", "imaging", "procedure", "functional"]
_KINDS = {"Bác sĩ": _ALL_KINDS, "Kỹ thuật viên": ["lab", "imaging", "functional"], "Điều dưỡng": ["procedure"]}
#: letters of a machine -> its name
_MACHINES = {
    "HH": "Máy xét nghiệm huyết học (mẫu)",
    "SH": "Máy xét nghiệm sinh hóa, miễn dịch (mẫu)",
    "NT": "Máy xét nghiệm nước tiểu (mẫu)",
    "XQ": "Máy X quang (mẫu)",
    "SA": "Máy siêu âm (mẫu)",
    "CT": "Máy cắt lớp vi tính (mẫu)",
    "MRI": "Máy cộng hưởng từ (mẫu)",
    "HA": "Máy chẩn đoán hình ảnh khác (mẫu)",
    "TD": "Máy thăm dò chức năng (mẫu)",
}


async def fill(store: Store, actor: Actor) -> int:
    """Put the rows that the tenant has not; returns how many. Safe to run twice."""

    async def work(tx: Transaction) -> int:
        today = tx.now.astimezone(tx.tenant.time_zone).date()
        services = [one for one in await catalogues.all_of(tx, "service", on=today) if one.data.get("is_insured")]
        drugs = [one for one in await catalogues.all_of(tx, "drug", on=today) if one.data.get("is_insured")]
        prices = {one.code: one for one in await catalogues.all_of(tx, "price", on=today)}
        gathered = [*_staff(), *_drugs(drugs, prices), *_techniques(services, prices), *_machines(services)]
        missing = []
        for name in (accepted.STAFF, accepted.DRUGS, accepted.SERVICES, accepted.MACHINES):
            there = {one.code for one in await catalogues.all_of(tx, name)}
            missing += [one for one in gathered if one.list == name and one.code not in there]
        catalogues.put(tx, missing)
        return len(missing)

    return await store.run(actor, work)


def _row(list_name: str, code: str, name: str, data: dict[str, Any]) -> Row:
    return Row(list_name, code, name, FROM, None, "demo", {**data, "confidence": "invented"}, _SOURCE)


def _staff() -> Iterator[Row]:
    for one in clinic.build():
        licence = resources.identifier_of(one, systems.LICENCE)
        if one["resourceType"] != "Practitioner" or not licence:
            continue
        name, word = one["name"][0]["text"], one["qualification"][0]["code"]["text"]
        data = {"MA_BAC_SI": licence, "HO_TEN": name, "CHUC_DANH": word, "kinds": _KINDS.get(word, [])}
        yield _row(accepted.STAFF, licence, name, {**data, "is_head": one["id"] == HEAD})


def _drugs(drugs: Iterable[Row], prices: dict[str, Row]) -> Iterator[Row]:
    for one in drugs:
        price = prices.get(f"drug:{one.code}")
        if price is None:
            continue
        said = one.data
        data = {
            "MA_THUOC": said.get("bhyt_code"),
            "TEN_THUOC": one.name,
            "HAM_LUONG": said.get("strength"),
            "DUONG_DUNG": said.get("route_bhyt"),
            "DANG_BAO_CHE": said.get("form"),
            "DON_VI_TINH": said.get("unit"),
            "SO_DANG_KY": said.get("registration"),
            "TT_THAU": said.get("tender"),
            "DON_GIA": price.data.get("don_gia_bh"),
        }
        yield _row(accepted.DRUGS, one.code, one.name, data)


def _techniques(services: Iterable[Row], prices: dict[str, Row]) -> Iterator[Row]:
    for number, one in enumerate(sorted(services, key=lambda row: row.code), 1):
        price = prices.get(f"service:{one.code}")
        if price is None:
            continue
        group = int(one.data.get("nhom") or 0)
        data = {
            "MA_DICH_VU": f"99.{number:04d}.{9000 + group:04d}",
            "TEN_DICH_VU": one.name,
            "DON_GIA": price.data.get("don_gia_bh"),
        }
        yield _row(accepted.SERVICES, one.code, one.name, data)


def _machines(services: Iterable[Row]) -> Iterator[Row]:
    """One machine a kind; each is accepted for the services that are done on it."""
    done: dict[str, list[str]] = {letters: [] for letters in _MACHINES}
    groups: dict[str, str] = {}
    for one in services:
        letters = _letters(one)
        if letters:
            done[letters].append(one.code)
            groups[letters] = str(one.data.get("nhom", ""))
    for letters, name in _MACHINES.items():
        code = f"{letters}.1.MAU01"
        data = {"MA_MAY": code, "TEN_MAY": name, "services": sorted(done[letters]), "nhom": groups.get(letters, "")}
        yield _row(accepted.MACHINES, code, name, data)


def _letters(service: Row) -> str:
    kind = service.data.get("kind")
    if kind == "lab":
        specimen = service.data.get("specimen") or {}
        code = str(specimen.get("code", "")) if isinstance(specimen, dict) else ""
        return "HH" if code == "edta" else "NT" if code.startswith("urine") else "SH"
    if kind == "imaging":
        part = service.code.split("-")[1] if "-" in service.code else ""
        return part if part in _MACHINES else "HA"
    return "TD" if kind == "functional" else ""

"""A small insured clinic for tests of money: price list, dated parameters, a facility, a person with a card, a visit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lienmach.base import clock
from lienmach.base.actor import Actor
from lienmach.care import catalogues, charges, coverages, facility, resources, systems, visit_facts
from lienmach.care.catalogues import Row
from lienmach.care.coverages import InsuredCard
from lienmach.record.transaction import Store, Transaction

EPOCH = date(2020, 1, 1)
#: code: (nhom, price, insured price, members of data)
SERVICES: dict[str, tuple[str, int, int, dict[str, Any]]] = {
    "KHAM": ("13", 45_000, 45_000, {}),
    "XN-DUONG": ("1", 22_000, 22_000, {}),
    "XN-LON": ("1", 400_000, 350_000, {}),
    "THAM-MY": ("18", 500_000, 0, {"is_insured": False}),
    "CHUA-GIA": ("1", 0, 0, {}),
}
DRUGS: dict[str, tuple[str, int, int, dict[str, Any]]] = {
    "PARA500": ("4", 600, 500, {"bhyt_code": "40.48"}),
    "NUA": ("6", 10_000, 10_000, {"ratio": 50}),
}


@dataclass
class InsuredVisit:
    """A person with a card at a hospital. encounter_id: an open visit of category 1.1."""

    store: Store
    actor: Actor
    patient_id: str
    encounter_id: str
    coverage_id: str

    async def run(self, work: Any) -> Any:
        """Do this in a unit of its own."""
        return await self.store.run(self.actor, work)

    async def expect(self, code: str, cause: str, *, quantity: int | str = 1, **more: Any) -> Any:
        """Expect one cost now."""
        given = {"list_name": "drug" if code in DRUGS else "service", "code": code, "quantity": Decimal(quantity)}

        async def work(tx: Transaction) -> Any:
            return await charges.expect(tx, self.encounter_id, **{**given, "cause": cause, "at": tx.now, **more})

        return await self.run(work)

    async def amounts(self, **more: Any) -> charges.VisitAmounts:
        """The visit as it stands."""

        async def work(tx: Transaction) -> charges.VisitAmounts:
            return await charges.of_visit(tx, self.encounter_id, **more)

        return await self.run(work)


def rows() -> list[Row]:
    """The lists that money needs."""
    found = [
        Row("base-salary", "VN", "Lương cơ sở", date(2024, 7, 1), date(2026, 6, 30), "demo", {"dong": 2_340_000}),
        Row("base-salary", "VN", "Lương cơ sở", date(2026, 7, 1), None, "demo", {"dong": 2_530_000}),
        Row("examination-rate", "VN", "Khám", EPOCH, None, "demo", {"rates": [100, 30, 30, 30, 10, 0]}),
        Row("ma-loai-kcb", "01", "Khám bệnh", EPOCH, None, "demo"),
        _category("1.1", 100),
        _category("1.12", 100),
        _category("2", 100),
        _category("9", 0),
        _category("7.2", None),
        Row("ma-doituong-kcb", "1.13", "1.13", EPOCH, None, "demo",
            {"rates": [{"to": "2026-06-30", "rate": 0}, {"from": "2026-07-01", "rate": 50}]}),
    ]  # fmt: skip
    for level, percent in {"1": 100, "2": 100, "3": 95, "4": 80, "5": 100}.items():
        found.append(
            Row("card-benefit", level, level, EPOCH, None, "demo", {"percent_periods": [{"percent": percent}]})
        )
    for list_name, listed in (("service", SERVICES), ("drug", DRUGS)):
        for code, (nhom, own, insured, data) in listed.items():
            found.append(Row(list_name, code, f"Mục {code}", EPOCH, None, "demo", {"nhom": nhom, **data}))
            if own:
                price = {"don_gia_bv": own, "don_gia_bh": insured}
                found.append(Row("price", f"{list_name}:{code}", code, EPOCH, None, "demo", price))
    return found


async def make(
    store: Store, actor: Actor, *, category: str = "1.1", number: str = "DN4790000000001", is_verified: bool = True,
    arrived_at: datetime | None = None, **card: Any,
) -> InsuredVisit:  # fmt: skip
    """The clinic, one person and their open visit. category "": none was chosen; number "": no card."""

    async def work(tx: Transaction) -> tuple[str, str]:
        catalogues.put(tx, rows())
        await resources.update(tx, {
            "resourceType": "Organization", "id": "bv", "name": "Bệnh viện (mẫu)",
            "identifier": [{"system": systems.FACILITY, "value": "86991"}],
            "extension": [{"url": facility.LEVEL, "valueCode": "district"}],
        })  # fmt: skip
        patient: dict[str, Any] = {
            "resourceType": "Patient", "id": "p1", "name": [{"text": "Nguyễn Văn Ân"}], "gender": "male",
            "birthDate": "1958-02-01",
        }  # fmt: skip
        if number:
            patient["identifier"] = [{"system": coverages.CARD, "value": number}]
        await resources.update(tx, patient)
        own = ""
        if number:
            code = "000" if is_verified else ""
            given: dict[str, Any] = {
                "initial_facility": "86991",
                "from_on": date(2026, 1, 1),
                "to_on": date(2027, 12, 31),
            }
            given |= {"checked_at": tx.now if is_verified else None, **card}
            one = InsuredCard("", number, number[:2], number[2], result_code=code, **given)
            own = await coverages.keep(tx, "p1", one)
        encounter: dict[str, Any] = {
            "resourceType": "Encounter", "id": "e1", "status": "arrived",
            "identifier": [{"system": systems.VISIT, "value": "86991261121ABCDEFGHJK"}],
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "type": [resources.concept(systems.LOAI_KCB, "01", "Khám bệnh")],
            "subject": {"reference": "Patient/p1"}, "serviceProvider": {"reference": "Organization/bv"},
            "period": {"start": clock.to_instant(arrived_at or tx.now)},
        }  # fmt: skip
        if category:
            concept = resources.concept(systems.DOITUONG_KCB, category)
            encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY, "valueCodeableConcept", concept)
        if own:
            card_of = {"reference": f"Coverage/{own}"}
            encounter = visit_facts.with_extension(encounter, visit_facts.COVERAGE, "valueReference", card_of)
        await resources.update(tx, encounter)
        return "e1", own

    encounter_id, own = await store.run(actor, work)
    return InsuredVisit(store, actor, "p1", encounter_id, own)


def _category(code: str, rate: int | None) -> Row:
    return Row("ma-doituong-kcb", code, code, EPOCH, None, "demo", {"rates": [{"rate": rate}]})

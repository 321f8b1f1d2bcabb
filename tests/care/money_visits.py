"""Visits for tests of money: a clinic with a small price list of its own, cards of each kind, visits that are signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from lienmach.base import clock
from lienmach.care import catalogues, charges, coverages, facility, resources, systems, visit_facts
from lienmach.care.catalogues import Row
from lienmach.care.coverages import InsuredCard
from lienmach.care.money import accounts, payments, shifts, statements
from lienmach.care.population import clinic as demo_clinic
from lienmach.record.transaction import Transaction
from tests.clinic import Clinic

EPOCH = date(2020, 1, 1)
#: code -> (list, price, insured price): odd hundredths on purpose.
PRICES: dict[str, tuple[str, str, str]] = {
    "T-KHAM": ("service", "45000", "45000"),
    "T-XN": ("service", "22333.333", "21500.5"),
    "T-LON": ("service", "412345.678", "400000.1"),
    "T-RIENG": ("service", "150000", "0"),
    "T-THUOC": ("drug", "517.25", "517.25"),
    "T-DAT": ("drug", "98765.432", "98765.432"),
}


@dataclass
class MoneyVisits:
    """What tests of money do, in the clothes of who does it."""

    clinic: Clinic

    async def run(self, role: str, work: Any) -> Any:
        """Do this in a unit of its own."""
        return await self.clinic.store.run(self.clinic.actor(role), work)

    async def finished(
        self, *wanted: tuple[str, str | int], card: str = "DN4790000000001", category: str = "1.1"
    ) -> str:
        """A signed visit with these costs (code, quantity): services done, drugs expected. card "": none."""
        patient_id = await self.clinic.patient()

        async def work(tx: Transaction) -> str:
            encounter = await self._encounter(tx, patient_id, card, category)
            for index, (code, quantity) in enumerate(wanted):
                await self._expect(tx, encounter["id"], code, Decimal(str(quantity)), index)
            accounts.open_finished(tx, encounter)
            return str(encounter["id"])

        return str(await self.run("system", work))

    async def _encounter(self, tx: Transaction, patient_id: str, card: str, category: str) -> dict[str, Any]:
        number = resources.id_of({"reference": f"Patient/{patient_id}"}, "Patient")
        own = ""
        if card:
            known = InsuredCard(
                "", card, card[:2], card[2], "86991", date(2026, 1, 1), date(2027, 12, 31), result_code="000",
                checked_at=tx.now,
            )  # fmt: skip
            own = await coverages.keep(tx, patient_id, known)
        now = clock.to_instant(tx.now)
        encounter: dict[str, Any] = {
            "resourceType": "Encounter",
            "id": f"e-{number}",
            "status": "finished",
            "identifier": [{"system": systems.VISIT, "value": f"86991{tx.now:%y%m%d}{number[-10:].upper()}"}],
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "type": [resources.concept(systems.LOAI_KCB, "01", "Khám bệnh")],
            "subject": {"reference": f"Patient/{patient_id}"},
            "serviceProvider": {"reference": f"Organization/{demo_clinic.HOSPITAL}"},
            "period": {"start": now, "end": now},
            "statusHistory": [{"status": "finished", "period": {"start": now}}],
        }
        said = resources.concept(systems.DOITUONG_KCB, category)
        encounter = visit_facts.with_extension(encounter, visit_facts.CATEGORY, "valueCodeableConcept", said)
        if own:
            named = {"reference": f"Coverage/{own}"}
            encounter = visit_facts.with_extension(encounter, visit_facts.COVERAGE, "valueReference", named)
        await resources.update(tx, encounter)
        return encounter

    async def _expect(self, tx: Transaction, encounter_id: str, code: str, quantity: Decimal, index: int) -> None:
        list_name = PRICES[code][0]
        cause = cause_of(encounter_id, code, index)
        if list_name == "drug":
            await self._drug_order(tx, encounter_id, cause, code)
        else:
            await self._order(tx, encounter_id, cause, code)
        await charges.expect(
            tx, encounter_id, list_name=list_name, code=code, quantity=quantity, cause=cause, at=tx.now
        )
        if list_name == "service":
            await charges.settle(tx, cause, quantity=quantity)

    async def _order(self, tx: Transaction, encounter_id: str, cause: str, code: str) -> None:
        encounter = await resources.read(tx, "Encounter", encounter_id)
        await resources.update(tx, {
            "resourceType": "ServiceRequest", "id": cause.partition("/")[2], "status": "active", "intent": "order",
            "subject": encounter["subject"], "encounter": {"reference": f"Encounter/{encounter_id}"},
            "code": resources.concept(systems.SERVICE, code, code), "authoredOn": clock.to_instant(tx.now),
        })  # fmt: skip

    async def _drug_order(self, tx: Transaction, encounter_id: str, cause: str, code: str) -> None:
        encounter = await resources.read(tx, "Encounter", encounter_id)
        await resources.update(tx, {
            "resourceType": "MedicationRequest", "id": cause.partition("/")[2], "status": "draft", "intent": "order",
            "subject": encounter["subject"], "encounter": {"reference": f"Encounter/{encounter_id}"},
            "medicationCodeableConcept": resources.concept(systems.DRUG, code, code),
        })  # fmt: skip

    async def add(self, encounter_id: str, code: str, quantity: str | int, index: int, *, is_done: bool = True) -> str:
        """One more cost of a visit; returns its cause. is_done: a service that was done too."""
        cause = cause_of(encounter_id, code, index)

        async def work(tx: Transaction) -> None:
            if is_done:
                await self._expect(tx, encounter_id, code, Decimal(str(quantity)), index)
            else:
                await self._order(tx, encounter_id, cause, code)
                await charges.expect(
                    tx, encounter_id, list_name="service", code=code, quantity=Decimal(str(quantity)), cause=cause,
                    at=tx.now,
                )  # fmt: skip

        await self.run("system", work)
        return cause

    async def give(self, cause: str, quantity: str | int) -> None:
        """The dispensary gave out so much in all, or took so much back that this is left."""
        await self.run("system", lambda tx: charges.settle(tx, cause, quantity=Decimal(str(quantity))))

    async def cancel(self, cause: str) -> None:
        """A cost is taken back."""
        await self.run("system", lambda tx: charges.cancel(tx, cause, "nhầm"))

    async def close(self, encounter_id: str, reason: str = "", role: str = "insurance") -> statements.Statement:
        """Close the statement."""
        key = await self.clinic.signer(role)
        found: statements.Statement = await self.run(
            role, lambda tx: statements.close(tx, encounter_id, key, reason=reason)
        )
        return found

    async def shift(self, opening_float: int = 500_000) -> str:
        """The open shift of the cashier, opened now if there is none."""

        async def work(tx: Transaction) -> str:
            own = await shifts.current(tx) or await shifts.open_shift(tx, opening_float)
            return own.shift_id

        return str(await self.run("cashier", work))

    async def pay(self, encounter_id: str, amount: int, key: str, **more: Any) -> payments.Done:
        """Pay, in cash where nothing else is said."""
        asked = {"method": "cash", **more}
        done: payments.Done = await self.run(
            "cashier", lambda tx: payments.take(tx, encounter_id, amount, request_key=key, **asked)
        )
        return done

    async def deposit(self, encounter_id: str, amount: int, key: str, **more: Any) -> payments.Done:
        """Take a deposit."""
        asked = {"method": "cash", **more}
        done: payments.Done = await self.run(
            "cashier", lambda tx: payments.take_deposit(tx, encounter_id, amount, request_key=key, **asked)
        )
        return done

    async def refund(self, encounter_id: str, amount: int, key: str, **more: Any) -> payments.Done:
        """Give money back."""
        asked = {"method": "cash", "reason": "trả lại thuốc", **more}
        done: payments.Done = await self.run(
            "cashier", lambda tx: payments.refund(tx, encounter_id, amount, request_key=key, **asked)
        )
        return done

    async def account(self, encounter_id: str) -> accounts.Account:
        """The account as it stands."""
        async with self.clinic.store.begin(self.clinic.actor("cashier")) as tx:
            return await accounts.read(tx, encounter_id)

    async def price(self, code: str, own: str, insured: str, on: date) -> None:
        """Another price from a day on."""
        row = price_row(code, own, insured, on)

        async def work(tx: Transaction) -> None:
            catalogues.put(tx, [row])

        await self.run("system", work)


def cause_of(encounter_id: str, code: str, index: int) -> str:
    """The cause of the cost of a test: of a drug a MedicationRequest, else a ServiceRequest."""
    kind = "MedicationRequest" if PRICES[code][0] == "drug" else "ServiceRequest"
    return f"{kind}/{encounter_id}-{index}"


def price_row(code: str, own: str, insured: str, on: date) -> Row:
    """One row of the price list."""
    data = {"don_gia_bv": Decimal(own), "don_gia_bh": Decimal(insured)}
    return Row("price", f"{PRICES[code][0]}:{code}", code, on, None, "demo", data)


async def open_clinic(clinic: Clinic) -> MoneyVisits:
    """The clinic with the price list of these tests."""

    async def work(tx: Transaction) -> None:
        listed = [price_row(code, own, insured, EPOCH) for code, (_, own, insured) in PRICES.items()]
        for code, (list_name, _, _) in PRICES.items():
            nhom = "13" if code == "T-KHAM" else "4" if list_name == "drug" else "1"
            data = {"nhom": nhom, "unit": "Viên" if list_name == "drug" else "Lần", "is_insured": code != "T-RIENG"}
            listed.append(Row(list_name, code, f"Mục {code}", EPOCH, None, "demo", data))
        catalogues.put(tx, listed)
        assert (await facility.facility(tx, demo_clinic.HOSPITAL)).code

    await clinic.store.run(clinic.actor("system"), work)
    return MoneyVisits(clinic)

"""Work of the money for a node that is being killed: visits from the door to the refund, as people click them.

    python money_writer.py BASE_URL TOKEN PASSWORD PIN BANK_URL INSURANCE_URL SEED JOURNAL EARLY

A visit must last over a full minute to be claimed, so several are open at once: EARLY lists those who came before
anything was killed (`open_early`), and new ones arrive while the older ones go over desk, till and dispensary. Who
takes money clicks again with the same key when no answer came, and sometimes when one did; whoever pays by QR looks at
their bank first. The insurer finds a fault in two of three claims: in the structure, which is mended in the record and
sent again, or in the appraisal, which is answered. It runs until SIGTERM and finishes the visits in hand.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from lienmach.care import person_draft
from lienmach.care.person_draft import PersonDraft
from tests.faults import rejection_writer, visit_writer
from tests.faults.visit_writer import DESKS, DRUG, GIVEN, Journal, NotDone, Person

OPEN_MAX = 10
EARLY = 8  # visits of each stream that have begun before the first blow
DEPOSIT, FLOAT = 60_000, 900_000
BIN, ACCOUNT = "999999", "HTEST0000086991"
#: half: fund and patient half each, so that there is something to pay; free: below the 15 % line; self: no card
KINDS = ("half", "half", "self", "free")
PAID_BY = ("credit", "qr", "cash", "parts", "qr")
_TRIES = 300
_NUMBER = re.compile(r"/billing/receipts/([A-Z]{2}\d\d-\d{5}-\d{6})")
_TAG = re.compile(r'<span class="tag[^"]*">([^<]*)</span>')
_LARGE = re.compile(r'<p class="large num">(-?[\d.]+)')


@dataclass
class Case:
    """One person's visit. minute: of the arrival, since 1970. has_return: brings a part of the drugs back."""

    mark: str
    kind: str
    visit: str
    minute: int
    has_return: bool
    paid_by: str
    has_deposit: bool
    keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Bill:
    """What the page of a bill says. word: of its badge. amount: the large one."""

    word: str
    amount: int
    receipts: frozenset[str]
    codes: tuple[str, ...]


class Money(visit_writer.Stream):
    """A stream that also closes, takes, pays back and works off what the insurer sends back."""

    def __init__(self, number: int, base: str, token: str, password: str, pin: str, bank: str, insurance: str,
                 seed: str, journal: Journal, *, early: list[Case] | None = None,
                 transport: httpx.AsyncBaseTransport | None = None) -> None:  # fmt: skip
        super().__init__(number, base, token, password, pin, journal, transport)
        self.officer = Person(base, "baohiem", password, transport)
        self.bank, self.insurance = bank, insurance
        self.early = early or []
        self.rejections = rejection_writer.Desk(self, self.officer)
        self.outside = httpx.AsyncClient(timeout=5)
        self.lots = random.Random(f"{seed}-{number}")

    async def run(self) -> None:
        for person in (self.desk, self.doctor, self.window, self.till, self.officer):
            await self._until(person.enter)
        waiting, count, done = deque(self.early), len(self.early), 0
        while not self.journal.stop.is_set():
            is_due = bool(waiting) and waiting[0].minute < int(time.time()) // 60
            if is_due:
                await self.settle(waiting.popleft())
                done += 1
                if self.number == 0 and done % 3 == 0:
                    await self.end_shift(f"{self.number}{done:06d}")
            if len(waiting) < OPEN_MAX:
                count += 1
                waiting.append(await self.open(count))
            elif not is_due:
                await asyncio.sleep(0.3)
            await self.rejections.work_off()

    async def open(self, count: int) -> Case:
        """Somebody arrives and is called in."""
        mark, kind = f"{self.number}{count:06d}", KINDS[count % len(KINDS)]
        person = await self.step("person", mark, lambda: self._register(mark), lambda: self._person(mark))
        visit = await self.step("arrival", mark, lambda: self._come(person, mark, kind), lambda: self._visit(person))
        await self.step("start", mark, lambda: self.doctor.click(f"/outpatient/visits/{visit}/step", {"verb": "start"}),
                        lambda: self._status(visit, "in-progress", "finished"))  # fmt: skip
        return Case(
            mark, kind, visit, int(time.time()) // 60, count % 3 != 0, PAID_BY[count % len(PAID_BY)], count % 8 == 6
        )

    async def settle(self, case: Case) -> None:
        """Signature, statement, payment, medicine, something brought back, the statement again, the refund."""
        at, mark = f"/outpatient/visits/{case.visit}", case.mark
        if case.has_deposit:
            await self.money(case, "deposit", {"amount": str(DEPOSIT)})
        await self.step("signature", mark, lambda: self._end(case, at), lambda: self._status(case.visit, "finished"))
        await self.step("statement", mark, lambda: self._close_at_desk(case), lambda: self._version(case, 1))
        await self._pay(case)
        if case.kind != "self" and await self._is_given(case):
            self.journal.write(at="given", kind="visit", mark=mark, visit=case.visit)
            if case.has_return:
                await self._bring_back(case)
        await self._give_back(case)
        if not case.has_return and (await self._bill(case)).word == "✓ Đã thu":
            await self.step("invoice", mark, lambda: self.till.click(f"/billing/visits/{case.visit}/invoices",
                            {"name": "Công ty Mẫu"}), lambda: self._invoice(case))  # fmt: skip
        self.journal.write(at="whole", kind="visit", mark=mark, visit=case.visit)

    async def _pay(self, case: Case) -> None:
        bill = await self._bill(case)
        if bill.word != "Chờ thu":
            return
        if case.paid_by == "credit":
            await self.step("credit", case.mark, lambda: self.till.click(f"/billing/visits/{case.visit}/credit",
                            {"reason": "Trả sau (mẫu)"}), lambda: self._word(case, "Cho nợ", "✓ Đã thu"))  # fmt: skip
        elif case.paid_by == "qr":
            await self._transfer(case)
        else:
            parts = [bill.amount] if case.paid_by == "cash" else [bill.amount // 2, bill.amount - bill.amount // 2]
            for number, amount in enumerate(parts):
                await self.money(case, "payment", {"amount": str(amount)}, number=number)

    async def money(self, case: Case, kind: str, form: dict[str, str], *, number: int = 0) -> None:
        """Cash over the counter under one key; clicked again while nobody answers, and sometimes once more."""
        key = f"{case.visit[:20]}-{kind}-{number}"
        path = f"/billing/visits/{case.visit}/{kind}s"
        for _ in range(_TRIES):
            try:
                await self._open_shift()
                self.journal.write(at="sent", kind=kind, mark=case.mark, key=key, **form)
                answer = await self.till.click(path, {"key": key, **form})
            except NotDone as why:
                self.journal.write(at="lost", kind=kind, mark=case.mark, why=str(why))
                await asyncio.sleep(0.1)
                continue
            found = re.search(r"receipt=([\w-]+)", answer.headers.get("location", ""))
            if answer.status_code == 303 and found:
                self.journal.write(at="acked", kind=kind, mark=case.mark, key=key, visit=case.visit, number=found[1],
                                   amount=form["amount"])  # fmt: skip
                if self.lots.random() < 0.7:
                    return
                continue
            text = " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())
            self.journal.write(at="refused", kind=kind, mark=case.mark, status=answer.status_code, text=text[-400:])
            await asyncio.sleep(0.1)
        raise RuntimeError(f"{kind} {case.mark} was never done")

    async def _open_shift(self) -> None:
        await self.till.ask("GET", "/billing/shifts")
        if 'name="float"' in self.till.page:
            await self.till.click("/billing/shifts", {"step": "open", "float": str(FLOAT)})

    async def end_shift(self, mark: str) -> None:
        """Count what the page expects and hand over; what another till takes meanwhile is said as a difference."""
        for _ in range(_TRIES):
            try:
                await self.till.ask("GET", "/billing/shifts")
                own = re.search(r'name="shift" value="([^"]+)"', self.till.page)
                gap = re.search(r'data-gap="(\d+)"', self.till.page)
                if own is None or gap is None:
                    return
                form = {"step": "close", "shift": own[1], "other": gap[1], "reason": "Đếm lúc quầy khác đang thu (mẫu)"}
                answer = await self.till.click("/billing/shifts", form)
                if answer.status_code == 303:
                    self.journal.write(at="acked", kind="shift", mark=mark, shift=own[1])
                    return
            except NotDone:
                pass
            await asyncio.sleep(0.1)

    async def _transfer(self, case: Case) -> None:
        """Ask for a code, pay it at the bank once, and look a while whether the money has arrived."""
        code = await self.step("code", case.mark, lambda: self.till.click(f"/billing/visits/{case.visit}/requests",
                               {"kind": "bill"}), lambda: self._code(case))  # fmt: skip
        if not code.startswith("LM"):
            return
        amount = (await self._bill(case)).amount
        while True:
            try:
                state = (await self.outside.get(f"{self.bank}/_state")).json()
                if any(code in one["purpose"] for one in state["statement"]):
                    break
                order = f"{BIN},{ACCOUNT},{amount},{code}"
                self.journal.write(at="sent", kind="transfer", mark=case.mark, code=code)
                await self.outside.post(f"{self.bank}/pay", json={"payload": order}, timeout=20)
            except (httpx.HTTPError, ValueError):
                await asyncio.sleep(0.2)
        self.journal.write(at="acked", kind="transfer", mark=case.mark, code=code, visit=case.visit, amount=amount)
        for _ in range(25):
            if (await self._bill(case)).word != "Chờ thu":
                return
            await asyncio.sleep(0.2)

    async def _is_given(self, case: Case) -> bool:
        """The dispensary gives out what it may: not before the bill is paid."""
        if (await self._bill(case)).word == "Chờ thu":
            return False
        [line] = await self._lines(case.visit)
        code, give = line["groupIdentifier"]["value"], {f"quantity-{line['id']}": str(GIVEN)}
        case.keys["code"], case.keys["line"] = code, line["id"]
        case.keys["dispense"] = await self.step("dispense", case.mark,
            lambda: self.window.click(f"/pharmacy/prescriptions/{code}", give), lambda: self._dispense(line["id"]))  # fmt: skip
        return True

    async def _bring_back(self, case: Case) -> None:
        code = case.keys["code"]
        form = {"dispense": case.keys["dispense"], "quantity": "2", "reason": "Người bệnh trả lại"}
        await self.step("return", case.mark, lambda: self.window.click(f"/pharmacy/prescriptions/{code}/returns", form),
                        lambda: self._returned(case))  # fmt: skip
        await self.step("statement", case.mark, lambda: self._close_at_desk(case, "Trả lại 2 viên"),
                        lambda: self._version(case, 2))  # fmt: skip

    async def _give_back(self, case: Case) -> None:
        bill = await self._bill(case)
        if bill.word == "Phải hoàn" and bill.amount > 0:
            await self.money(
                case, "refund", {"amount": str(bill.amount), "reason": "Hoàn tiền (mẫu)", "method": "cash"}
            )

    async def _close_at_desk(self, case: Case, reason: str = "") -> httpx.Response:
        """The insurance desk closes what the fund has a part in, the cashier the rest."""
        if case.kind == "self":
            return await self.close(case.visit, reason)
        page = await self.officer.ask("GET", f"/insurance/visits/{case.visit}")
        shown = re.search(r'name="shown" value="([0-9a-f]{64})"', self.officer.page)
        key = re.search(r'<h2>[^<]*<span class="num">([0-9A-Z]+)</span>', self.officer.page)
        if shown is None or key is None:
            words = " ".join(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2]).split())
            raise NotDone(f"no statement to close: {page.status_code} {words[:400]}")
        fault = rejection_writer.FAULTS[int(case.mark) % 3]
        if not reason and fault is not None:
            await self._plant({"ma_lk": key[1], **fault})
        form = {"pin": self.pin, "shown": shown[1], "reason": reason, "seen": "1"}
        return await self.officer.click(f"/insurance/visits/{case.visit}", form)

    async def _plant(self, fault: dict[str, Any]) -> None:
        try:
            await self.outside.post(f"{self.insurance}/_plant", json=fault)
        except httpx.HTTPError:
            return

    async def _bill(self, case: Case) -> Bill:
        while True:
            try:
                answer = await self.till.ask("GET", f"/billing/visits/{case.visit}")
                large, page = _LARGE.search(answer.text), answer.text
                if answer.status_code == 200 and large:
                    codes = tuple(dict.fromkeys(re.findall(r"\bLM\d{6}[A-Z0-9]{6}\b", page)))
                    amount = int(large[1].replace(".", ""))
                    return Bill(
                        _TAG.findall(page.partition("Hoá đơn <span")[2] or page)[0],
                        amount,
                        frozenset(_NUMBER.findall(page)),
                        codes,
                    )
            except NotDone:
                pass
            await asyncio.sleep(0.1)

    async def _word(self, case: Case, *words: str) -> str:
        found = await self._bill(case)
        return found.word if found.word in words else ""

    async def _code(self, case: Case) -> str:
        found = await self._bill(case)
        return found.codes[0] if found.codes else "" if found.word == "Chờ thu" else found.word

    async def _invoice(self, case: Case) -> str:
        await self._bill(case)
        found = re.search(r"/billing/invoices/(bill\.[\w.-]+)/pdf", self.till.page)
        return found[1] if found else ""

    async def _version(self, case: Case, version: int) -> str:
        found = await self.find(f"/Invoice?status=issued&_id={visit_writer.invoice_id(case.visit, version)}")
        return str(found[0]["id"]) if found else ""

    async def _returned(self, case: Case) -> str:
        [found] = await self.find(f"/MedicationDispense?prescription=MedicationRequest/{case.keys['line']}")
        return str(found["id"]) if found["quantity"]["value"] != GIVEN else ""

    async def _come(self, person: str, mark: str, kind: str) -> httpx.Response:
        card = "" if kind == "self" else f"DN486{int(mark):09d}{'2' if kind == 'half' else '1'}"
        form = {"kind": "01", "room": self.room, "card": card, "reason": "Ho"}
        return await self.desk.click(f"/registration/arrivals/{person}", form)

    async def _end(self, case: Case, at: str) -> httpx.Response:
        if case.kind != "self":
            line = {"drug_code:0": DRUG, "per_time:0": "1", "times:0": "2", "days:0": "2", "payer:0": "bhyt",
                    "may_substitute:0": "yes", "step": "keep"}  # fmt: skip
            await self.doctor.click(f"{at}/prescription", line)
        note = {"reason": "Ho", "history": "Ho ba ngày", "examination": "Họng đỏ", "main": "J00", "next": "signature"}
        await self.doctor.click(f"{at}/note", note)
        await self.doctor.ask("GET", f"{at}/signature")
        shown = re.search(r'name="shown" value="([0-9a-f]{64})"', self.doctor.page)
        if shown is None:
            raise NotDone("no preview")
        category = {"half": "1.13", "free": "", "self": ""}[case.kind]
        end = {"result": "2", "outcome": "1", "category": category, "pin": self.pin, "shown": shown[1]}
        return await self.doctor.click(f"{at}/signature", end)

    async def _register(self, mark: str) -> httpx.Response:
        """Somebody with all that a claim needs to know of them."""
        body = person_draft.build(PersonDraft(
            name=f"Nguyễn Thử {mark}", sex="male", birth="1990-02-01", citizen_number=f"001090{mark[0]}{mark[-5:]}",
            commune_code="05587", address_line="1 Đường Mẫu", ethnic_code="01", demo=True,
        ))  # fmt: skip
        body["identifier"].append({"system": "https://lienmach.test/sid", "value": mark})
        try:
            return await self.fhir.post(
                "/Patient", json=body, headers={"if-none-exist": f"identifier=https://lienmach.test/sid|{mark}"}
            )
        except httpx.HTTPError as problem:
            raise NotDone(type(problem).__name__) from None


async def open_early(make: Callable[[int], Money], path: Path) -> None:
    """Let visits begin on a node whose clock is behind, and write them down for the writer: they may end at once."""
    told = []
    for number in range(len(DESKS)):
        stream = make(number)
        for person in (stream.desk, stream.doctor):
            await person.enter()
        told.append([asdict(await stream.open(count)) | {"minute": 0} for count in range(1, EARLY + 1)])
        for client in (stream.desk.http, stream.doctor.http, stream.fhir, stream.outside):
            await client.aclose()
    path.write_text(json.dumps(told))


async def main(
    base: str, token: str, password: str, pin: str, bank: str, insurance: str, seed: str, path: str, early: str
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    begun = json.loads(Path(early).read_text())
    with open(path, "a") as sink:
        journal = Journal(sink, stop)
        streams: list[Any] = [
            Money(number, base, token, password, pin, bank, insurance, seed, journal,
                  early=[Case(**one) for one in begun[number]])
            for number in range(len(DESKS))
        ]  # fmt: skip
        await asyncio.gather(*(one.run() for one in streams))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""The rounds of those who work with money: cashiers, insurance desk, claims officer, director, and a citizen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from lienmach.bench import day_bill_rows
from lienmach.bench.browser import Browser, form_of
from lienmach.bench.day_person import PIN, Person, Stopped

CASHIERS, DESK = 2, 2
_BILL = re.compile(r'href="/billing/visits/([A-Za-z0-9.-]+)">')
_STATEMENT = re.compile(r'href="/insurance/visits/([A-Za-z0-9.-]+)">')
_CLAIM = re.compile(r'href="/insurance/claims/([A-Za-z0-9.-]+)"')
_REJECTION = re.compile(r'href="/insurance/rejections/([A-Za-z0-9.-]+)"')
_OWN_VISIT = re.compile(r'href="(/citizen/visits/[A-Za-z0-9.-]+)"')
_REQUEST = re.compile(r'<figcaption><b class="num">([^<]+)</b>.*?<b class="num[^"]*">(LM[0-9A-Z]+)</b>', re.S)
_STAMP = re.compile(r"requests\?stamp=([0-9a-f]*)")
_TILES = ("visits", "waiting", "prescriptions", "money", "claims", "alerts")


async def take_money(one: Person, people: Iterator[int]) -> None:
    """A cashier opens a bill, closes its statement if it is a self-payer's, and takes cash or lets it be transferred."""
    page = await one.get("cashier's desk", "/billing/visits")
    waiting = _own(one, _BILL.findall(page.text), CASHIERS)
    if not waiting:
        return
    own = f"/billing/visits/{one.chance.choice(waiting)}"
    page = await one.get("bill", own)
    closing = form_of(page.text, f"{own}/statement")
    if closing and page.has("close-form") and not page.has("bàn BHYT kiểm tra và chốt"):
        page = await one.post("bill, closed", f"{own}/statement", [*closing, ("pin", PIN)], may=(409,))
    cash = form_of(page.text, f"{own}/payments")
    if not cash:
        return
    if one.chance.random() < 0.6:
        page = await one.post("cash, taken", f"{own}/payments", [*cash, ("given", "500000")], may=(409, 422))
        return
    page = await one.post("code, asked", f"{own}/requests", form_of(page.text, f"{own}/requests"), may=(409,))
    found = _REQUEST.search(page.text)
    if found is None:
        one.book.errors.append(("code, asked", f"no code on the page: {page.sentence()}"))
        raise Stopped
    await _transfer(one, *found.groups())
    stamp = _STAMP.search(page.text)
    page = await one.get("is it there", f"{own}/requests?stamp={stamp[1] if stamp else ''}", fragment=True)
    page = await one.get("transfer, seen", own)
    if form_of(page.text, f"{own}/payments"):
        one.book.errors.append(("transfer, seen", f"the bill is still due: {own}"))


async def _transfer(one: Person, amount: str, number: str) -> None:
    """The patient pays by phone; the bank tells of it before it answers."""
    bank = Browser(*one.bank)
    whole = re.sub(r"[^0-9]", "", unescape(amount))
    page = await bank.post("/pay", {"payload": f"{day_bill_rows.BIN},{day_bill_rows.ACCOUNT},{whole},{number}"})
    bank.close()
    if page.status != 200 or '"notice":200' not in page.text.replace(" ", ""):
        one.book.errors.append(("bank's notice", page.text[:200]))


async def close_statement(one: Person, people: Iterator[int]) -> None:
    """The desk opens what waits longest, reads it and closes it; every fifth time three at once under one PIN."""
    page = await one.get("statements", "/insurance/statements")
    waiting = _own(one, _STATEMENT.findall(page.text), DESK)
    if not waiting:
        return
    if one.chance.random() < 0.2:
        chosen = [("visit", own) for own in waiting[:3]]
        await one.post("statements, three closed", "/insurance/statements", [*chosen, ("pin", PIN)], fragment=True)
        return
    path = f"/insurance/visits/{waiting[0]}"
    page = await one.get("statement", path)
    form = form_of(page.text, path)
    if form:
        await one.post(
            "statement, closed", path, [*form, ("pin", PIN), ("seen", "1"), ("reason", "Đã đổi")], may=(409,)
        )


async def follow_claims(one: Person, people: Iterator[int]) -> None:
    """The officer looks at the claims and one of them, then at what came back, and answers one."""
    page = await one.get("claims", "/insurance/claims")
    found = _CLAIM.findall(page.text)
    if found:
        await one.get("claim", f"/insurance/claims/{one.chance.choice(found)}")
    page = await one.get("rejections", "/insurance/rejections")
    returned = _REJECTION.findall(page.text)
    if returned:
        path = f"/insurance/rejections/{one.chance.choice(returned)}"
        await one.get("rejection", path)
        text = {"text": "Đã đối chiếu hồ sơ, chỉ định phù hợp chẩn đoán.", "step": "answer"}
        await one.post("rejection, answered", path, text)


async def lead(one: Person, people: Iterator[int]) -> None:
    """The director looks at the day, opens the rows of a tile, and now and then the monitor."""
    await one.get("director's page", "/leaders/day")
    await one.get("rows of a tile", f"/leaders/day/{one.chance.choice(_TILES)}")
    if one.chance.random() < 0.3:
        await one.get("monitor", "/leaders/prescribing?days=90")


async def read_own(one: Person, people: Iterator[int]) -> None:
    """A citizen reads the own record on the phone."""
    page = await one.get("own record", "/citizen/home")
    visits = _OWN_VISIT.findall(page.text)
    if visits:
        await one.get("own visit", one.chance.choice(visits))
    if one.chance.random() < 0.3:
        await one.get("who opened it", "/citizen/access")


def _own(one: Person, found: list[str], seats: int) -> list[str]:
    """What this seat takes of a list that several work through, in its order."""
    return [own for own in dict.fromkeys(found) if sum(own.encode()) % seats == one.seat % seats]

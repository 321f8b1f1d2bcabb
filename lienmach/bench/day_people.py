"""Thirty people at work: what each of them clicks, one after the other, with a moment of thought in between.

Seven at the desks receive people, ten doctors examine, three are in the laboratory, three at the dispensary, two take
money, two close cost statements, one follows the claims, the director looks, a citizen reads (day_money_rounds.py).
What pages ask for by themselves (critical results, lists that renew themselves) is asked for as well and counted apart:
nobody clicked there, but it costs the same.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

from lienmach.bench import day_citizen, day_data, day_money_rounds
from lienmach.bench.browser import Browser, Fields, form_of
from lienmach.bench.client import Broken
from lienmach.bench.day_person import PIN, Book, Person, Round, Stopped
from lienmach.bench.node import Node

BUDGET_MS = 300.0
RECEPTION, DOCTORS, LABORATORY, DISPENSARY, CASHIERS, DESK, OFFICERS = 7, 10, 3, 3, 2, 2, 1
_ORDER = re.compile(r'name="order" value="([^"]+)"')
_READY = re.compile(r'/pharmacy/prescriptions/([0-9a-z]{12}-[a-z])">(?:(?!</li>).)*why tag good', re.S)
_VALUE = re.compile(r'name="(v-[0-9a-f]+)"')
_PERSON = re.compile(r"/registration/arrivals/([A-Za-z0-9.-]+)")
_SHOWN = re.compile(r'name="shown" value="([0-9a-f]{64})"')


def staff() -> list[tuple[str, str, str]]:
    """(login, name, role) of the thirty; the citizen among them has no login."""
    kinds = (("tiepdon", "Lễ tân", "reception", RECEPTION), ("bacsi", "BS", "doctor", DOCTORS),
             ("xetnghiem", "KTV", "lab", LABORATORY - 1), ("truongxn", "BS", "lab_head", 1),
             ("duocsi", "DS", "pharmacist", DISPENSARY), ("thungan", "", "cashier", CASHIERS),
             ("baohiem", "", "insurance", DESK + OFFICERS), ("giamdoc", "BS", "director", 1))  # fmt: skip
    return [
        (f"bench-{login}{number}", f"{title} Mẫu Tải {number}".strip(), role)
        for login, title, role, count in kinds
        for number in range(1, count + 1)
    ]


async def work(
    node: Node, password: str, people: Iterator[int], citizen: int, seconds: float, begin: Callable[[], None]
) -> Book:
    """Sign everybody in, say `begin`, then let them work at once.

    people: numbers of those who come, each once. citizen: number of the person who reads their own record.
    """
    book, at_work = Book(), []
    seats: Counter[str] = Counter()
    for login, _, role in staff():
        one = Person(login, Browser(node.host, node.port), book, Random(login), thinks=False)
        one.bank, one.seat = day_citizen.simulator(node, "bank"), seats[role]
        seats[role] += 1
        await one.one.sign_in(login, password)
        await _settle_in(one, role)
        turn = day_money_rounds.follow_claims if role == "insurance" and one.seat >= DESK else _ROUNDS[role]
        at_work.append((one, turn, _POLLS.get(role, ())))
    own = Person("", await day_citizen.enter(node, citizen), book, Random("citizen"))
    at_work.append((own, day_money_rounds.read_own, ()))
    book.clicks.clear()
    begin()
    until = time.monotonic() + seconds
    for one, _, _ in at_work:
        one.thinks = True
    await asyncio.gather(
        *(_keep_working(one, turn, people, until) for one, turn, _ in at_work),
        *(_keep_asking(one, path, every, until) for one, _, polls in at_work for path, every in polls),
    )
    for one, _, _ in at_work:
        one.one.close()
    return book


async def _settle_in(one: Person, role: str) -> None:
    """Choose the room, make a signing key, open the drawer."""
    if role in ("doctor", "lab_head", "cashier", "insurance"):
        await one.one.get("/signing/key")
        fields = {"step": "create", "password": one.one.password, "pin": PIN, "again": PIN}
        await one.post("key", "/signing/key", fields)
    if role == "doctor":
        one.place = day_data.OWN_ROOMS[one.seat % len(day_data.OWN_ROOMS)].id
        await one.post("room", "/outpatient/visits/rooms", {"room": one.place})
    if role == "cashier":
        page = await one.get("shift", "/billing/shifts")
        if page.has('value="open"'):
            await one.post("shift", "/billing/shifts", {"step": "open", "float": "500000"})


async def _keep_working(one: Person, turn: Round, people: Iterator[int], until: float) -> None:
    while time.monotonic() < until:
        try:
            await turn(one, people)
            one.book.done[turn.__name__] += 1
        except Stopped:
            continue
        except (Broken, OSError) as problem:
            one.book.errors.append((turn.__name__, f"the connection broke: {problem}"))


async def _keep_asking(one: Person, path: str, every: float, until: float) -> None:
    """What a page asks for by itself, on a connection of its own as a browser would."""
    tab = Browser(one.one.host, one.one.port)
    await asyncio.sleep(one.chance.uniform(0, every))
    while time.monotonic() < until:
        tab.cookies = dict(one.one.cookies)
        page = await tab.get(path, fragment=True)
        one.book.polls.append(page.seconds * 1000)
        if page.status >= 400:
            one.book.errors.append((path, f"{page.status} {page.sentence()}"))
        await asyncio.sleep(every)
    tab.close()


async def receive(one: Person, people: Iterator[int]) -> None:
    """A desk receives somebody: find by scan or by name, look at the form, open the visit, print the number."""
    number = next(people)
    own = day_data.person_id(number)
    await one.get("desk", "/registration/arrivals")
    if one.chance.random() < 0.5:
        await one.post("desk: scan", "/registration/arrivals", {"text": day_data.citizen_number(number)})
    else:
        name = day_data.name_of(number)
        for length in (max(len(name) // 2, 3), len(name)):
            await one.post("desk: find", "/registration/arrivals", {"text": name[:length]}, fragment=True)
        await one.get("desk: form", f"/registration/arrivals/{own}")
    action = f"/registration/arrivals/{own}"
    await one.post("desk: receive", action, [*form_of(one.one.page.text, action), ("reason", "Ho, sốt")])


async def examine(one: Person, people: Iterator[int]) -> None:
    """A doctor examines the next one, from the work list to the signature."""
    await one.get("work list", "/outpatient/visits")
    page = await one.post("call next", "/outpatient/visits/next", {}, may=(409,))
    found = re.match(r"/outpatient/visits/([A-Za-z0-9.-]+)", page.path)
    if page.status == 409 or found is None or found[1] in ("next", "rooms"):
        return
    visit = f"/outpatient/visits/{found[1]}"
    vitals = {"systolic": "120", "diastolic": "80", "pulse": "78", "temperature": "37", "weight": "58"}
    await one.post("vital signs", f"{visit}/vitals", vitals, fragment=True)
    note = {"reason": "Ho", "history": "Ho ba ngày nay, sổ mũi", "examination": "Họng đỏ, phổi trong", "advice": ""}
    for part in ("reason", "history", "examination"):
        upto = list(note)[: list(note).index(part) + 1]
        await one.post("note, kept", f"{visit}/note", {name: note[name] for name in upto}, fragment=True)
    for text in ("cam", "cam lanh"):
        await one.get("diagnosis, typing", f"{visit}/note/codes?icd={text.replace(' ', '%20')}", fragment=True)
    await one.post("diagnosis, chosen", f"{visit}/note/codes", {**note, "step": "add:J00"}, fragment=True)
    note["main"] = "J00"
    if one.chance.random() < 0.5:
        await _order(one, visit)
    await _prescribe(one, visit)
    await one.post("preview", f"{visit}/note", {**note, "next": "signature"})
    await _sign(one, visit)


async def _order(one: Person, visit: str) -> None:
    path, code = f"{visit}/orders", one.chance.choice(("XN-GLU", "XN-HBA1C", "XN-AST", "XN-ALT"))
    await one.get("orders", path)
    for text in (code[3:5], code[3:]):
        await one.get("service, typing", f"{path}/services?find={text}", fragment=True)
    page = await one.post("order, chosen", path, {"step": f"add:{code}"}, fragment=True)
    if page.has('value="agree"'):
        page = await one.post("order, agreed", path, [*form_of(page.text, path), ("step", "agree")], fragment=True)
    await one.post("orders, placed", path, [*form_of(page.text, path), ("step", "place")], fragment=True)


async def _prescribe(one: Person, visit: str) -> None:
    path = f"{visit}/prescription"
    await one.get("prescription", path)
    for text in ("par", "para"):
        await one.get("drug, typing", f"{path}/drugs?find={text}", fragment=True)
    page = await one.post("drug, chosen", path, {"step": "add:PARA500"}, fragment=True)
    page = await one.post("dose, changed", path, [*form_of(page.text, path), ("step", "keep")], fragment=True)
    await one.post("prescription, saved", path, [*form_of(page.text, path), ("step", "write")], fragment=True)


async def _sign(one: Person, visit: str) -> None:
    """Sign what the preview shows; the PIN is asked once a session."""
    path, shown = f"{visit}/signature", one.one.page
    await one.get("findings", f"{visit}/findings", fragment=True)
    given = {"result": "2", "outcome": "1", "pin": PIN}
    fields = {**dict(form_of(shown.text, path)), **given}
    wait = re.search(r'data-wait-seconds="(\d+)"', shown.text)  # an insured visit is not signed in its first minute
    if wait:
        await asyncio.sleep(int(wait[1]))
    page = await one.post("signed", path, fields)
    if "/addenda" not in page.path:
        one.book.errors.append(("signed", f"not signed: {page.sentence()}"))


async def analyse(one: Person, people: Iterator[int]) -> None:
    """The laboratory takes a tube, types what was measured and passes it; the head releases it."""
    page = await one.get("collections", "/laboratory/collections")
    forms = _ORDER.findall(page.text)
    if not forms:
        return
    order = one.chance.choice(forms)
    page = await one.post("tube, taken", "/laboratory/collections", {"order": order}, may=(409,))
    tube = re.search(r"done=([A-Za-z0-9.-]+)", page.path)
    if tube is None:
        return  # another one took it first, and says so
    path = f"/laboratory/specimens/{tube[1]}"
    await one.get("laboratory list", "/laboratory/orders")
    page = await one.get("tube", path)
    values: Fields = [(name, "5,5") for name in dict.fromkeys(_VALUE.findall(page.text))]
    passed = [("pass", name.removeprefix("v-")) for name, _ in values]
    page = await one.post("results, passed", path, [*values, *passed, ("step", "pass")])
    if page.has(f"{path}/release"):
        fields = {**dict(form_of(page.text, f"{path}/release")), "pin": PIN}
        await one.post("results, released", f"{path}/release", fields)


async def dispense(one: Person, people: Iterator[int]) -> None:
    """The dispensary gives out what is paid and waits longest among a third of the codes, which is this window's."""
    page = await one.get("window list", "/pharmacy/prescriptions")
    ready = dict.fromkeys(_READY.findall(page.text))
    codes = [code for code in ready if sum(code.encode()) % DISPENSARY == one.seat]
    if not codes:
        return
    path = f"/pharmacy/prescriptions/{codes[0]}"
    page = await one.post("window: code", "/pharmacy/prescriptions", {"code": codes[0]})
    await one.post("given out", path, form_of(page.text, path))


_ROUNDS: dict[str, Round] = {
    "reception": receive, "doctor": examine, "lab": analyse, "lab_head": analyse, "pharmacist": dispense,
    "cashier": day_money_rounds.take_money, "insurance": day_money_rounds.close_statement,
    "director": day_money_rounds.lead,
}  # fmt: skip
_POLLS: dict[str, tuple[tuple[str, float], ...]] = {
    "doctor": (("/laboratory/alerts", 5.0),),
    "lab": (("/laboratory/orders", 15.0),),
    "pharmacist": (("/pharmacy/prescriptions", 10.0),),
    "cashier": (("/billing/visits", 4.0),),
    "insurance": (("/insurance/statements?seen=", 15.0), ("/insurance/claims", 20.0)),
    "director": (("/leaders/day", 20.0),),
}

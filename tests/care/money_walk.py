"""A seeded random walk over the money of several visits, with books of its own that are kept by other means.

    walk = await MoneyWalk.start(clinic, seed=7)
    walk.add(3, my_step)            # async def my_step(walk) -> None, keeps walk.books up
    for _ in range(300):
        await walk.step()           # one step, then everything is compared with the ledger

A step that our rules forbid is done on purpose, and must be refused and leave no trace.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.base import errors
from lienmach.care.money import accounts, payments, receipts, shifts, statements
from tests.care import money_visits
from tests.care.money_books import Books, VisitBooks
from tests.care.money_visits import PRICES, MoneyVisits
from tests.clinic import Clinic

CARDS = ("DN4790000000001", "HN3790000000002", "TE1790000000003", "", "")
_VISITS_MAX = 14
_SERVICES = [code for code, (kind, _, _) in PRICES.items() if kind == "service"]
_DRUGS = [code for code, (kind, _, _) in PRICES.items() if kind == "drug"]


Step = Callable[["MoneyWalk"], Awaitable[None]]


class MoneyWalk:
    """The walk. money: the verbs. books: what must be. done: how often each step was taken."""

    def __init__(self, money: MoneyVisits, seed: int) -> None:
        self.money = money
        self.chance = random.Random(seed)
        self.books = Books()
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.shift_id = ""
        self.float = 0
        self.number = 0
        self.days = 0
        self.steps: list[tuple[int, Step]] = [
            (4, arrive), (7, close), (9, pay), (4, overpay), (6, deposit), (5, refund), (2, refund_too_much),
            (6, give_drugs), (3, return_drugs), (3, order_more), (3, cancel_cost), (2, reprice), (3, open_shift),
            (2, close_shift), (2, double_click),
        ]  # fmt: skip

    @classmethod
    async def start(cls, clinic: Clinic, *, seed: int) -> MoneyWalk:
        """A walk at a clinic with its price list."""
        walk = cls(await money_visits.open_clinic(clinic), seed)
        now = clinic.store.now
        clinic.store.now = lambda: now() + timedelta(days=walk.days)
        return walk

    def add(self, weight: int, step: Step) -> None:
        """Let the walk take another kind of step too."""
        self.steps.append((weight, step))

    def key(self) -> str:
        """A fresh request key."""
        self.number += 1
        return f"walk/{self.number}"

    def visit(self, *, closed: bool | None = None) -> str | None:
        """Any visit, or any that is closed, or that is not."""
        found = [own for own, one in self.books.visits.items() if closed is None or bool(one.version) == closed]
        return self.chance.choice(found) if found else None

    def method(self) -> str:
        """Cash where a shift is open."""
        return self.chance.choice(("cash", "transfer")) if self.shift_id else "transfer"

    def move(self, method: str, amount: int) -> None:
        """Note money that came into drawer or bank, below 0: that went."""
        if method == "cash":
            self.books.cash += amount
        else:
            self.books.bank += amount

    async def step(self) -> None:
        """Take one step by chance and compare everything."""
        weights, steps = zip(*self.steps, strict=True)
        [chosen] = self.chance.choices(steps, weights)
        await chosen(self)
        self.done[chosen.__name__] += 1
        await check(self)

    async def refuses(self, move: Awaitable[Any], code: str) -> None:
        """This is refused with its code; the comparison after the step shows that it left no trace."""
        try:
            await move
        except errors.Conflict as refused:
            assert refused.issues[0].code == code, refused.text
            self.refused[code] += 1
            return
        raise AssertionError(f"this was to be refused as {code}")


async def check(walk: MoneyWalk) -> None:
    """The ledger says what the books say, and its balances are what its postings add up to."""
    owner = await asyncpg.connect(walk.money.clinic.settings.database_owner_url)
    try:
        counted = await owner.fetch(
            "select account, sub, sum(amount) as amount from ledger_posting where tenant = 1 group by account, sub"
        )
        kept = await owner.fetch("select account, sub, amount from ledger_balance where tenant = 1")
        odd = await owner.fetchval(
            """select count(*) from (select entry_id from ledger_posting group by entry_id having sum(amount) <> 0) e"""
        )
    finally:
        await owner.close()
    balances = {(row["account"], row["sub"]): row["amount"] for row in kept}
    assert odd == 0 and balances == {(row["account"], row["sub"]): row["amount"] for row in counted}
    assert sum(balances.values()) == 0
    sums: Counter[str] = Counter()
    for (account, _), amount in balances.items():
        sums[account] += amount
    books = walk.books
    for own, one in books.visits.items():
        assert balances.get(("1311", own), 0) == one.due, (own, one)
        assert -balances.get(("3387", own), 0) == one.held, (own, one)
        assert balances.get(("1312", own), 0) == one.fund, (own, one)
    assert sums["1111"] == books.cash == balances.get(("1111", walk.shift_id), 0)
    assert (sums["1112"], sums["1121"], sums["7112"]) == (books.vault, books.bank, -books.lost)
    assert -sums["3381"] == books.unknown and abs(sums["7111"]) <= Decimal("0.5") * len(books.visits)
    await _check_accounts(walk)


async def _check_accounts(walk: MoneyWalk) -> None:
    async with walk.money.clinic.store.begin(walk.money.clinic.actor("cashier")) as tx:
        found = {one.encounter_id: one for one in await accounts.listed(tx, limit=1000)}
        drawer = 0
        for one in await receipts.listed(tx, shift_id=walk.shift_id) if walk.shift_id else []:
            drawer += -one.amount if one.kind == "refund" else one.amount
    assert walk.float + drawer == walk.books.cash
    for own, books in walk.books.visits.items():
        one = found[own]
        assert (one.due, one.deposit, one.version, one.patient_total) == (
            books.due, books.held, books.version, books.total,
        )  # fmt: skip
        assert (one.settled_at is not None) == (one.state == "closed" and books.due <= 0)


async def arrive(walk: MoneyWalk) -> None:
    """A visit is signed by its doctor."""
    if len(walk.books.visits) >= _VISITS_MAX:
        return
    wanted: list[tuple[str, str | int]] = [("T-KHAM", 1)]
    wanted += [(walk.chance.choice(_SERVICES), walk.chance.randint(1, 3)) for _ in range(walk.chance.randint(0, 3))]
    wanted += [(walk.chance.choice(_DRUGS), walk.chance.randint(1, 40)) for _ in range(walk.chance.randint(0, 2))]
    card = walk.chance.choice(CARDS)
    own = await walk.money.finished(*wanted, card=card, category="1.1" if card else "9")
    drugs = {
        money_visits.cause_of(own, code, index): int(quantity)
        for index, (code, quantity) in enumerate(wanted)
        if code in _DRUGS
    }
    walk.books.visits[own] = VisitBooks(drugs, orders=len(wanted))


async def close(walk: MoneyWalk) -> None:
    """The desk closes the statement, for the first time or again."""
    own = walk.visit()
    if own is not None:
        await _close(walk, own)


async def _close(walk: MoneyWalk, own: str) -> None:
    books = walk.books.visits[own]
    async with walk.money.clinic.store.begin(walk.money.clinic.actor("insurance")) as tx:
        draft = await statements.draft(tx, own)
    if books.version and not draft.is_changed:
        await walk.refuses(walk.money.close(own, "thử lại"), "unchanged")
        return
    statement = await walk.money.close(own, "có thay đổi" if books.version else "")
    parts = sum((one.T_BNTT + one.T_BNCCT for one in statement.lines), Decimal(0))
    assert statement.totals["T_BHTT"] == sum((one.T_BHTT for one in statement.lines), Decimal(0))
    assert abs(statement.patient_total - parts) <= Decimal("0.5")
    books.total, books.fund = statement.patient_total, statement.totals["T_BHTT"]
    books.version += 1
    books.apply()


async def pay(walk: MoneyWalk) -> None:
    """A patient pays all or a part."""
    own = walk.visit(closed=True)
    if own is None or walk.books.visits[own].due <= 0:
        return
    books, method = walk.books.visits[own], walk.method()
    amount = books.due if walk.chance.random() < 0.5 else walk.chance.randint(1, books.due)
    done = await walk.money.pay(own, amount, walk.key(), method=method)
    books.take(amount)
    walk.move(method, amount)
    assert done.due == books.due and done.receipt is not None and done.receipt.due_after == books.due


async def overpay(walk: MoneyWalk) -> None:
    """More than is due, or a bill that nobody has closed."""
    own = (walk.chance.random() < 0.5 and walk.visit(closed=False)) or walk.visit()
    if own is None:
        return
    books = walk.books.visits[own]
    amount = max(books.due, 0) + walk.chance.choice((1, 1_000))
    asked = walk.money.pay(own, amount, walk.key(), method="transfer")
    await walk.refuses(asked, "too-much" if books.version else "not-closed")


async def deposit(walk: MoneyWalk) -> None:
    """A deposit, before or after closing."""
    own = walk.visit()
    if own is None:
        return
    amount, method = walk.chance.randint(1, 300_000), walk.method()
    done = await walk.money.deposit(own, amount, walk.key(), method=method)
    walk.books.visits[own].hold(amount)
    walk.move(method, amount)
    assert done.due == walk.books.visits[own].due


async def refund(walk: MoneyWalk) -> None:
    """Money goes back, as far as it is owed or held."""
    owed = [own for own, one in walk.books.visits.items() if one.due < 0]
    own = walk.chance.choice(owed) if owed and walk.chance.random() < 0.5 else walk.visit()
    if own is None:
        return
    books, method = walk.books.visits[own], walk.method()
    most = max(-books.due, 0) + books.held
    if most <= 0:
        return
    amount = most if walk.chance.random() < 0.5 else walk.chance.randint(1, most)
    if method == "cash" and amount > walk.books.cash:
        await walk.refuses(walk.money.refund(own, amount, walk.key(), method=method), "drawer")
        return
    await walk.money.refund(own, amount, walk.key(), method=method)
    books.give_back(amount)
    walk.move(method, -amount)


async def refund_too_much(walk: MoneyWalk) -> None:
    """One đồng more than is owed."""
    own = walk.visit()
    if own is None:
        return
    books = walk.books.visits[own]
    amount = max(-books.due, 0) + books.held + 1
    await walk.refuses(walk.money.refund(own, amount, walk.key(), method="transfer"), "too-much")


async def give_drugs(walk: MoneyWalk) -> None:
    """The dispensary gives out, in part or all, or takes back; sometimes after the statement was closed."""
    own = walk.visit()
    if own is None or not walk.books.visits[own].drugs:
        return
    cause, prescribed = walk.chance.choice(sorted(walk.books.visits[own].drugs.items()))
    await walk.money.give(cause, walk.chance.randint(0, prescribed))


async def return_drugs(walk: MoneyWalk) -> None:
    """Somebody who has paid brings a drug back, and the statement is closed again."""
    paid = [own for own, one in walk.books.visits.items() if one.version and one.due <= 0 and one.drugs]
    if not paid:
        return
    own = walk.chance.choice(paid)
    await walk.money.give(walk.chance.choice(sorted(walk.books.visits[own].drugs)), 0)
    await _close(walk, own)


async def order_more(walk: MoneyWalk) -> None:
    """One more service that was done and forgotten."""
    own = walk.visit()
    if own is None:
        return
    books = walk.books.visits[own]
    await walk.money.add(own, walk.chance.choice(_SERVICES), walk.chance.randint(1, 2), 100 + books.orders)
    books.orders += 1


async def cancel_cost(walk: MoneyWalk) -> None:
    """A cost is taken back."""
    own = walk.visit()
    if own is None or not walk.books.visits[own].drugs:
        return
    cause = walk.chance.choice(sorted(walk.books.visits[own].drugs))
    await walk.money.cancel(cause)
    del walk.books.visits[own].drugs[cause]


async def reprice(walk: MoneyWalk) -> None:
    """From tomorrow on something costs more or less; what was ordered before keeps its price."""
    walk.days += 1
    code = walk.chance.choice(sorted(PRICES))
    own = Decimal(walk.chance.randint(1_000, 90_000_000)) / 1000
    insured = own if PRICES[code][0] == "drug" else own * walk.chance.randint(50, 100) / 100
    today = walk.money.clinic.store.now().astimezone(walk.money.clinic.store.tenants[1].time_zone).date()
    insured = Decimal(0) if code == "T-RIENG" else insured.quantize(Decimal("0.001"))
    await walk.money.price(code, str(own), str(insured), today)


async def open_shift(walk: MoneyWalk) -> None:
    """The cashier opens the drawer."""
    if walk.shift_id:
        return
    walk.float = walk.chance.choice((0, 200_000, 500_000))
    walk.shift_id = await walk.money.shift(walk.float)
    walk.books.cash, walk.books.vault = walk.float, walk.books.vault - walk.float


async def close_shift(walk: MoneyWalk) -> None:
    """The cashier counts; sometimes it does not agree."""
    if not walk.shift_id:
        return
    wrong = walk.chance.choice((0, 0, 1_000, -500))
    counted = max(0, walk.books.cash + wrong)
    reason = "đếm lệch" if counted != walk.books.cash else ""
    own = walk.shift_id
    await walk.money.run("cashier", lambda tx: shifts.close(tx, own, counted, reason))
    walk.books.lost += counted - walk.books.cash
    walk.books.vault += counted
    walk.books.cash, walk.float, walk.shift_id = 0, 0, ""


async def double_click(walk: MoneyWalk) -> None:
    """The same payment is sent twice; it counts once."""
    own = walk.visit(closed=True)
    if own is None or walk.books.visits[own].due <= 0:
        return
    books, key, method = walk.books.visits[own], walk.key(), walk.method()
    amount = walk.chance.randint(1, books.due)
    first = await walk.money.pay(own, amount, key, method=method)
    again: payments.Done = await walk.money.pay(own, amount, key, method=method)
    assert again.is_repeat and again.receipt == first.receipt
    books.take(amount)
    walk.move(method, amount)

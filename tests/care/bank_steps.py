"""What the bank does to a walk over money (money_walk.py): it tells, twice, late, never, forged; people mend the tray."""

from __future__ import annotations

from lienmach.base import errors
from lienmach.care.gateways import bank
from lienmach.care.money import payment_requests, transfers
from lienmach.care.money.bank_notice import Notice
from lienmach.care.money.payment_requests import PaymentRequest
from tests.care import bank_world
from tests.care.money_walk import MoneyWalk

SECRET = "bí mật"


class BankSteps:
    """Steps with a memory: codes that were shown and not paid, and transfers that nobody told of yet."""

    def __init__(self, walk: MoneyWalk) -> None:
        self.shown: list[PaymentRequest] = []
        self.unpaid: list[PaymentRequest] = []
        self.untold: list[Notice] = []
        self.told: list[Notice] = []
        often = (self.pay_by_code, self.show_code, self.pay_late, self.heal)
        seldom = (self.lose, self.tell_again, self.forge, self.stray, self.assign, self.send_back, self.deposit_by_code)
        for weight, step in [*((4, one) for one in often), *((2, one) for one in seldom)]:
            walk.add(weight, step)

    async def _ask(self, walk: MoneyWalk) -> PaymentRequest | None:
        own = walk.visit(closed=True)
        if own is None or walk.books.visits[own].due <= 0:
            return None
        due = walk.books.visits[own].due
        amount = due if walk.chance.random() < 0.6 else walk.chance.randint(1, due)
        return await bank_world.ask(walk.money.clinic, own, amount=amount)

    async def _tell(self, walk: MoneyWalk, notice: Notice, via: str) -> str:
        """Tell, and note what must follow in the books, judged from the request as it stands."""
        wanted = await self._wanted(walk, notice)
        result = await bank_world.tell(walk.money.clinic, notice, via=via)
        self.told.append(notice)
        walk.books.bank += notice.amount
        if wanted is None:
            walk.books.unknown += notice.amount
            assert result.state == "unmatched"
        elif wanted.kind == "deposit":
            walk.books.visits[wanted.encounter_id].hold(notice.amount)
            assert result.state == "matched"
        else:
            walk.books.visits[wanted.encounter_id].take(notice.amount)
            assert result.state == "matched"
        return result.state

    async def _wanted(self, walk: MoneyWalk, notice: Notice) -> PaymentRequest | None:
        """The request that takes this money, by rules of our own."""
        known = [one for one in self.shown if one.number in notice.purpose]
        if not known:
            return None
        now = await bank_world.request(walk.money.clinic, known[0].number)
        account = await bank_world.account(walk.money.clinic, now.encounter_id)
        age = walk.money.clinic.store.now() - now.asked_at
        is_open = now.state == "open" and age < payment_requests.KEPT and now.amount == notice.amount
        books = walk.books.visits[now.encounter_id]
        fits = now.kind == "deposit" or (now.invoice_id == account.invoice_id and now.amount <= books.due)
        return now if is_open and fits else None

    async def show_code(self, walk: MoneyWalk) -> None:
        """A code is shown; nobody pays yet."""
        made = await self._ask(walk)
        if made is not None:
            self.shown.append(made)
            self.unpaid.append(made)

    async def pay_by_code(self, walk: MoneyWalk) -> None:
        """A code is shown, paid and told."""
        made = await self._ask(walk)
        if made is not None:
            self.shown.append(made)
            assert await self._tell(walk, bank_world.notice(made), "webhook") == "matched"

    async def deposit_by_code(self, walk: MoneyWalk) -> None:
        """A deposit by code, before or after closing."""
        own = walk.visit()
        if own is not None:
            amount = walk.chance.randint(1, 200_000)
            made = await bank_world.ask(walk.money.clinic, own, kind="deposit", amount=amount)
            self.shown.append(made)
            assert await self._tell(walk, bank_world.notice(made), "webhook") == "matched"

    async def pay_late(self, walk: MoneyWalk) -> None:
        """Somebody pays a code that was shown long ago, maybe paid or replaced since."""
        if self.unpaid and walk.chance.random() < 0.7:
            await self._tell(walk, bank_world.notice(self.unpaid.pop(0)), "webhook")
        elif self.shown:
            await self._tell(walk, bank_world.notice(walk.chance.choice(self.shown)), "webhook")

    async def lose(self, walk: MoneyWalk) -> None:
        """A code is paid and the notice is lost."""
        made = await self._ask(walk)
        if made is not None:
            self.shown.append(made)
            self.untold.append(bank_world.notice(made))

    async def heal(self, walk: MoneyWalk) -> None:
        """The statement is read: what is known, and what was lost."""
        for notice in self.told[-3:]:
            assert (await bank_world.tell(walk.money.clinic, notice, via="poll")).state == "known"
        while self.untold:
            await self._tell(walk, self.untold.pop(0), "poll")

    async def tell_again(self, walk: MoneyWalk) -> None:
        """The bank tells of something twice."""
        if self.told:
            again = walk.chance.choice(self.told)
            assert (await bank_world.tell(walk.money.clinic, again)).state == "known"

    async def forge(self, walk: MoneyWalk) -> None:
        """Somebody else signs; it never gets as far as the money."""
        now, body = walk.money.clinic.store.now(), b'{"amount": 1}'
        at = str(int(now.timestamp()))
        try:
            bank.check(SECRET, at, bank.signature("another", at, body), body, now)
        except errors.Unauthenticated:
            return
        raise AssertionError("a forged notice was believed")

    async def stray(self, walk: MoneyWalk) -> None:
        """Money that names nothing."""
        await self._tell(walk, bank_world.notice(amount=walk.chance.randint(1, 500_000)), "webhook")

    async def assign(self, walk: MoneyWalk) -> None:
        """The cashier gives money from the tray to a visit; the rest is a deposit."""
        waiting, own = await bank_world.tray(walk.money.clinic), walk.visit()
        if not waiting or own is None:
            return
        one, books = walk.chance.choice(waiting), walk.books.visits[own]
        as_ = "bill" if books.version else "deposit"
        for_bill = min(one.amount, max(books.due, 0)) if as_ == "bill" else 0
        await walk.money.run(
            "cashier", lambda tx: transfers.assign(tx, one.transfer_id, own, as_, rest_as_deposit=True)
        )
        walk.books.unknown -= one.amount
        books.take(for_bill)
        if one.amount > for_bill:
            books.hold(one.amount - for_bill)

    async def send_back(self, walk: MoneyWalk) -> None:
        """Money from the tray goes back."""
        waiting = await bank_world.tray(walk.money.clinic)
        if waiting:
            one = walk.chance.choice(waiting)
            await walk.money.run("cashier", lambda tx: transfers.send_back(tx, one.transfer_id, "chuyển nhầm"))
            walk.books.unknown -= one.amount
            walk.books.bank -= one.amount

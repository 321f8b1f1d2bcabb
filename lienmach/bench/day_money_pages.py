"""What cashier, insurance desk and citizen wait for at a screen, with three years of bills and claims behind it."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Iterator
from datetime import date
from urllib.parse import quote

from lienmach.bench import day_bills, day_data
from lienmach.bench.browser import Browser, Page
from lienmach.bench.day_bills import Bill
from lienmach.bench.day_pages import Asked, Asking


def all_of(bills: list[Bill], today: date) -> list[Asked]:
    """What is measured. bills: those of today, and some of before with a claim in every state."""
    of_today = [one for one in bills if one.visit.at.date() == today]
    open_one = _first(one for one in of_today if one.standing == day_bills.OPEN and one.is_insured)
    due = _first(one for one in of_today if one.standing == day_bills.DUE)
    paid = _first(one for one in bills if one.standing == day_bills.PAID and one.visit.at.date() < today)
    insured = [one for one in bills if one.is_insured and one.visit.at.date() < today]
    claimed = _first(one for one in insured if day_bills.claim_of(one, today).state in ("accepted", "paid"))
    returned = _first(one for one in insured if day_bills.claim_of(one, today).rejected)
    names = itertools.cycle([day_data.name_of(one.visit.person) for one in bills[:60]])
    numbers = itertools.cycle([one.number("BK") for one in insured[:60]])
    return [
        *_cashier(due.visit.id, paid.visit.id, names, numbers),
        *_desk(open_one.visit.id, claimed, returned, names, today),
        *_citizen(paid),
    ]


def _first(found: Iterator[Bill]) -> Bill:
    return next(found)


def _get(path: str, *, fragment: bool = False) -> Asking:
    return lambda one: one.get(path, fragment=fragment)


def _cashier(due: str, paid: str, names: itertools.cycle[str], numbers: itertools.cycle[str]) -> list[Asked]:
    who, find = "thungan", "/billing/visits"

    def typed(texts: itertools.cycle[str]) -> Asking:
        return lambda one: one.post(find, {"text": next(texts)})

    return [
        Asked("bills", "desk of the cashier", who, _get(find), True),
        Asked("bills_again", "the same, each 4 s", who, _get(find, fragment=True)),
        Asked("bills_paid", "paid today", who, _get(f"{find}?view=paid"), True),
        Asked("bills_find", "bill by name", who, typed(names)),
        Asked("bills_number", "bill by number", who, typed(numbers)),
        Asked("bill", "bill that is due", who, _get(f"{find}/{due}"), True),
        Asked("bill_paid", "paid bill", who, _get(f"{find}/{paid}"), True),
        Asked("bill_watch", "is the money there, each second", who, _get(f"{find}/{due}/requests?stamp=", fragment=True)),
        Asked("shift", "shift of the cashier", who, _get("/billing/shifts"), True),
        Asked("transfers", "unmatched transfers", who, _get("/billing/transfers"), True),
        Asked("deposits", "deposits", who, _get("/billing/deposits"), True),
        Asked("ledger", "ledger of a day", who, _get("/billing/ledger"), True),
    ]  # fmt: skip


def _desk(visit: str, claimed: Bill, returned: Bill, names: itertools.cycle[str], today: date) -> list[Asked]:
    who, claims = "baohiem", "/insurance/claims"
    rejection = day_data.digest("rejection", returned.visit.id)

    def by_name(one: Browser) -> Awaitable[Page]:
        return one.get(f"{claims}?text={quote(next(names))}")

    return [
        Asked("statements", "statements to be closed", who, _get("/insurance/statements"), True),
        Asked("statements_again", "how many wait, each 15 s", who, _get("/insurance/statements?seen=x", fragment=True)),
        Asked("statement", "statement of a visit", who, _get(f"/insurance/visits/{visit}"), True),
        Asked("claims", "claims that are open", who, _get(claims), True),
        Asked("claims_again", "the same, each 20 s", who, _get(claims, fragment=True)),
        Asked("claims_day", "the day's batch", who, _get(f"{claims}?on={today}"), True),
        Asked("claims_paid", "claims that are paid", who, _get(f"{claims}?state=paid"), True),
        Asked("claims_name", "claim by name", who, by_name),
        Asked("claim", "claim with its file", who, _get(f"{claims}/{claimed.visit.id}"), True),
        Asked("rejections", "rejections", who, _get("/insurance/rejections"), True),
        Asked("rejections_closed", "rejections that are done", who, _get("/insurance/rejections?view=closed"), True),
        Asked("rejection", "one rejection", who, _get(f"/insurance/rejections/{rejection}"), True),
        Asked("reconciliation", "reconciliation by month", who, _get("/insurance/reconciliation"), True),
        Asked("messages", "messages to the portals", who, _get("/insurance/messages"), True),
    ]  # fmt: skip


def _citizen(bill: Bill) -> list[Asked]:
    asked = (
        ("own_home", "citizen's first page", "/citizen/home"),
        ("own_visit", "citizen's visit with its bill", f"/citizen/visits/{bill.visit.id}"),
        ("own_access", "who opened the record", "/citizen/access"),
    )
    return [Asked(name, title, "", _get(path), True, bill.visit.person) for name, title, path in asked]

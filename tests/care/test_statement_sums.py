"""Hundreds of generated visits: the parts are the whole, the fund owes T_BHTT, the bill is rounded once."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from lienmach.care.money import ledger, statement_entries, statement_lines
from lienmach.care.money.statement import Statement, StatementLine, build, of
from lienmach.standards.bhxh import benefit, costs
from lienmach.standards.bhxh.costs import Amounts, Card, Category, Line, Parameters, Period, Visit
from tests.care import money_visits
from tests.care.money_visits import PRICES
from tests.clinic import Clinic

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
PARAMETERS = Parameters(
    (Period(Decimal(2_530_000)),),
    {level: (Period(Decimal(percent)),) for level, percent in (("1", 100), ("2", 100), ("3", 95), ("4", 80))},
)


def visit_of(chance: random.Random) -> tuple[Visit, list[Line]]:
    """A visit of any card, category and price; prices of three decimals, quantities too."""
    rate = chance.choice((0, 40, 50, 100))
    level = chance.choice("1234")
    cards = (Card("x", "DN", level, date(2026, 1, 1), date(2027, 12, 31)),) if chance.random() < 0.8 else ()
    lines = []
    for index in range(chance.randint(0, 9)):
        table = chance.choice((costs.DRUGS, costs.SERVICES))
        price = Decimal(chance.randint(1, 900_000_000)) / 1000
        insured = (price * chance.randint(0, 100) / 100).quantize(Decimal("0.001"))
        nhom = chance.choice(("13", "1", "4", "10"))
        ceiling = Decimal(chance.randint(1, 500_000)) if nhom == "10" and chance.random() < 0.5 else None
        lines.append(
            Line(
                f"l{index}", table, nhom, Decimal(chance.randint(1, 90_000)) / 1000, price, min(insured, price),
                AT + timedelta(minutes=index), chance.choice((1, 1, 1, 2)), chance.choice((100, 100, 50, 30)), ceiling,
            )
        )  # fmt: skip
    return Visit(AT, Category("1.1", (Period(Decimal(rate)),)), cards), lines


def statement_of(amounts: Amounts) -> Statement:
    """The statement that these amounts make."""
    lines = tuple(
        StatementLine(
            charge_id=one.line.key, cause="", list_name="service", code="X", name="X", unit="", table=one.line.table,
            nhom=one.line.nhom, quantity=one.line.quantity, ordered_at=one.line.ordered_at, done_at=None,
            is_expected=False, ceiling=one.line.ceiling,
            **{name: getattr(one, name) for name in statement_lines._OF_AMOUNTS},
        )
        for one in amounts.lines
    )  # fmt: skip
    return Statement(
        "i1", "BK26-86991-000001", 1, "v1", "p1", "86991", True, AT, "Mẫu", "", lines,
        statement_lines.totals_of(lines, amounts), amounts.patient_total, amounts.rounding, amounts.muc_huong,
        amounts.percent, amounts.rate, "1.1", "01",
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_of_every_visit_the_fund_owes_its_share_and_the_rounding_closes_the_gap(seed: int) -> None:
    chance = random.Random(seed)
    rounded = 0
    for _ in range(200):
        visit, lines = visit_of(chance)
        amounts = benefit.compute(visit, lines, PARAMETERS)
        statement = statement_of(amounts)
        posted = {one.account: one.amount for one in statement_entries.of(statement)}
        assert sum(posted.values(), Decimal(0)) == 0
        assert posted.get("1312", 0) == sum((one.T_BHTT for one in statement.lines), Decimal(0))
        owed = sum((one.T_BNTT + one.T_BNCCT for one in statement.lines), Decimal(0))
        assert posted.get("1311", 0) == owed.quantize(Decimal(1), ROUND_HALF_UP) == statement.patient_total
        assert -posted.get("7111", Decimal(0)) == statement.patient_total - owed
        assert -posted.get("5111", Decimal(0)) - posted.get("5112", Decimal(0)) == statement.totals["T_TONGCHI_BV"]
        assert of(build(statement)) == statement
        rounded += "7111" in posted
    assert rounded > 50, "most bills carry hundredths"


def test_a_statement_whose_parts_are_not_the_whole_is_not_booked() -> None:
    visit, lines = visit_of(random.Random(3))
    statement = statement_of(benefit.compute(visit, lines, PARAMETERS))
    assert lines
    wrong = {**statement.__dict__, "patient_total": statement.patient_total + 1}
    with pytest.raises(ValueError, match="not the whole"):
        statement_entries.of(Statement(**wrong))
    with pytest.raises(ValueError, match="half"):
        statement_entries.of(Statement(**{**statement.__dict__, "rounding": Decimal("0.51")}))


async def test_visits_of_the_record_say_the_same_as_their_arithmetic(clinic: Clinic) -> None:
    money = await money_visits.open_clinic(clinic)
    chance = random.Random(5)
    fund, bills = Decimal(0), 0
    for index in range(25):
        card = chance.choice(("DN4790000000001", "HN3790000000002", "TE1790000000003", ""))
        wanted = [(chance.choice(sorted(PRICES)), chance.randint(1, 30)) for _ in range(chance.randint(1, 5))]
        visit = await money.finished(*wanted, card=card, category="1.1" if card else "9")
        statement = await money.close(visit)
        owed = statement.totals["T_BNTT"] + statement.totals["T_BNCCT"]
        assert statement.patient_total == owed.quantize(Decimal(1), ROUND_HALF_UP)
        fund, bills = fund + statement.totals["T_BHTT"], bills + statement.patient_total
        assert statement.number.endswith(f"{index + 1:06}")
    async with clinic.store.begin(clinic.actor("cashier")) as tx:
        found = await ledger.trial(tx)
    assert found["1312"] == fund and found["1311"] == bills and sum(found.values()) == 0

"""Claims of some tens of visits: each reads back equal, holds every field of its version and agrees with its statement."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lienmach.care.claims import building, figures
from lienmach.care.claims.claims import Claim
from lienmach.care.money import accounts, ledger, statements
from lienmach.care.money.statements import Statement
from lienmach.standards.bhxh import claim_fields, claim_xml
from lienmach.standards.bhxh.claim_xml import Tables
from tests.care import claim_world
from tests.care.claim_world import SYSTEM, ClaimDay
from tests.clinic import Clinic

COUNT = 24
_TOTALS = {"T_TONGCHI_BV": "THANH_TIEN_BV", "T_TONGCHI_BH": "THANH_TIEN_BH", "T_BHTT": "T_BHTT", "T_BNCCT": "T_BNCCT",
           "T_BNTT": "T_BNTT", "T_NGUONKHAC": "T_NGUONKHAC"}  # fmt: skip


async def test_claims_of_a_day_read_back_equal_and_agree_with_statement_and_ledger(clinic: Clinic) -> None:
    async with claim_world.made(clinic, count=COUNT) as day:
        found = await day.consider_all()
        sent = [one for one in found.values() if one.version]
        assert len(sent) > COUNT / 2
        seen: set[str] = set()
        for one in sent:
            seen |= set(await _check(day, one))
        assert {"XML1", "XML2", "XML3", "XML4"} <= seen
        open_ones = [one for one in found.values() if one.state == "findings"]
        assert open_ones == [], await day.fetch("select rule, text from claim_finding where tenant = $1")
        assert [one["level"] for one in await day.fetch("select level from claim_finding where tenant = $1")] == []


async def _check(day: ClaimDay, one: Claim) -> Tables:
    version = (await day.versions(one.encounter_id))[-1]
    read = claim_xml.read(version.xml)
    assert read.faults == () and read.signature is not None
    async with day.clinic.store.begin(SYSTEM) as tx:
        statement = await statements.current(tx, one.encounter_id)
        account = await accounts.read(tx, one.encounter_id)
        again = await building.tables_of(
            tx, one.encounter_id, statement, settled_at=account.settled_at, settle_on=one.settle_on
        )
        owed = await ledger.balance(tx, "1312", one.encounter_id)
    assert statement is not None
    assert read.tables == again
    assert claim_xml.read(claim_xml.build(again, facility="86991", made_on=claim_world.DAY)).tables == again
    for table, rows in again.items():
        on = claim_xml.day_of(again)
        assert on is not None
        assert all(tuple(row) == claim_fields.names(table, on) for row in rows)
        assert all(row["MA_LK"] == one.ma_lk for row in rows)
    _check_money(again, statement)
    assert owed == Decimal(again["XML1"][0]["T_BHTT"])
    return again


def _check_money(tables: Tables, statement: Statement) -> None:
    """Line by line and in sum, to the đồng."""
    first = tables["XML1"][0]
    lines = [*tables.get("XML2", []), *tables["XML3"]]
    for total, part in _TOTALS.items():
        assert (
            Decimal(first[total]) == sum((Decimal(one[part]) for one in lines), Decimal(0)) == statement.totals[total]
        )
    for name in ("T_THUOC", "T_VTYT", "T_BHTT_GDV"):
        assert Decimal(first[name]) == statement.totals[name]
    assert sorted(Decimal(one["THANH_TIEN_BV"]) for one in lines) == sorted(
        one.THANH_TIEN_BV for one in statement.lines
    )


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (figures.amount(Decimal("1.005")), "1.01"),
        (figures.amount(0), "0.00"),
        (figures.price(Decimal("517.25")), "517.250"),
        (figures.quantity(Decimal("10.0")), "10"),
        (figures.quantity(Decimal("0.5")), "0.5"),
        (figures.rate(Decimal("47.5")), "47.5"),
        (figures.rate(Decimal("100")), "100"),
        (figures.parts(["A", "", " B ", "A"]), "A;B"),
        (figures.one_line(" a\n  b\x00 "), "a b"),
    ],
)
def test_values_stand_as_the_annexes_want_them(written: str, text: str) -> None:
    assert written == text

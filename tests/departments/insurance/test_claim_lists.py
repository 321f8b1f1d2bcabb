"""Lists of claims that are longer than a page: every claim is on one of them, and a count says how many there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import asyncpg
import pytest

from lienmach.care.claims import payments_of_fund
from lienmach.care.claims.payments_of_fund import FundLine
from lienmach.departments.insurance import claim_sums, claims
from lienmach.record.transaction import Transaction
from tests.departments.insurance.claim_visits import SYSTEM, ClaimVisits
from tests.web.client import Browser

LIST, FUND = "/insurance/claims", "/insurance/reconciliation"
Officer = Callable[..., Awaitable[Browser]]


async def copied(sendings: ClaimVisits, count: int, **members: str) -> list[str]:
    """So many claims beside the one of a visit that was sent, the oldest first; members: of each, as SQL."""
    own = await sendings.sent()
    ids = [f"copy-{number:03d}" for number in range(count)]
    said = {"state": "state", "why": "why", "sent_at": "sent_at", **members}

    async def work(tx: Transaction) -> None:
        async def write(connection: asyncpg.Connection) -> None:
            await connection.execute(
                f"""insert into claim (tenant, encounter_id, patient_id, ma_lk, organization_id, state, why, version,
                                       sent_version, finished_at, ended_at, sent_at, t_bhtt)
                    select 1, n, patient_id, ma_lk || n, organization_id, {said["state"]}, {said["why"]}, version,
                           sent_version, finished_at - interval '1 day' + place * interval '1 minute', ended_at,
                           {said["sent_at"]}, t_bhtt
                    from claim, unnest($2::text[]) with ordinality as u(n, place) where encounter_id = $1""",
                own, ids,
            )  # fmt: skip
            await connection.execute(
                """insert into claim_version (tenant, encounter_id, version, reason, invoice_id, xml, digest, t_bhtt,
                                              built_at, built_by, message_id, state)
                   select tenant, n, version, reason, invoice_id, xml, digest, t_bhtt, built_at, built_by,
                          message_id || n, state
                   from claim_version, unnest($2::text[]) n where encounter_id = $1""",
                own, ids,
            )  # fmt: skip

        tx.also(write)

    await sendings.run(work)
    return ids


def shown(desk: Browser, ids: list[str]) -> list[str]:
    return [one for one in ids if f'href="/insurance/claims/{one}"' in desk.page]


@pytest.mark.parametrize(
    ("state", "members"),
    [
        ("paid-changed", {"state": "'paid'", "why": "'changed'"}),
        ("sent", {}),
        ("silent", {"sent_at": "now() - interval '61 days'"}),
        ("waits-statement", {"state": "'waiting'", "why": "'waits-statement'"}),
    ],
)
async def test_a_list_of_one_state_turns_its_pages_until_every_claim_was_seen(
    sendings: ClaimVisits, officer: Officer, state: str, members: dict[str, str]
) -> None:
    ids = await copied(sendings, claims.ROWS_MAX + 7, **members)
    desk = await officer()
    await desk.get(LIST, params={"state": state})
    first = shown(desk, ids)
    assert "Trang sau" in desk.words() and "Trang trước" not in desk.words()
    await desk.get(LIST, params={"state": state, "page": "2"})
    second = shown(desk, ids)
    assert "Trang trước" in desk.words() and "Trang sau" not in desk.words()
    assert not set(first) & set(second) and set(first) | set(second) == set(ids)
    await desk.get(LIST, params={"state": state, "page": "3"})
    assert "Hết danh sách" in desk.words()


@pytest.mark.parametrize(("count", "is_told"), [(999, False), (1000, True)])
async def test_where_the_list_of_what_is_open_ends_before_its_claims_the_page_says_so(
    sendings: ClaimVisits, officer: Officer, count: int, is_told: bool
) -> None:
    await copied(sendings, count, state="'waiting'", why="'waits-statement'")
    await sendings.opened()
    desk = await officer()
    await desk.get(LIST, params={"state": "waits-statement", "page": "10"})
    assert "Trang sau" not in desk.words()
    assert ("Chỉ tới hồ sơ thứ 1.000" in desk.words()) == is_told


@pytest.mark.parametrize(
    "members", [{"state": "'paid'", "why": "'changed'"}, {"sent_at": "now() - interval '61 days'"}]
)
async def test_what_waits_for_nobody_by_a_day_never_fills_the_page_of_what_is_due(
    sendings: ClaimVisits, officer: Officer, members: dict[str, str]
) -> None:
    ids = await copied(sendings, claims.ROWS_MAX + 7, **members)
    waiting = await sendings.opened()
    desk = await officer()
    await desk.get(LIST)
    assert f'href="/insurance/claims/{waiting}"' in desk.page
    assert shown(desk, ids) == ids[: claim_sums.FIRST_MAX]
    assert f" {len(ids)} " in desk.words(), "how many there are stands with the states"


async def test_at_reconciliation_the_first_that_changed_are_listed_with_how_many_there_are(
    sendings: ClaimVisits, officer: Officer
) -> None:
    ids = await copied(sendings, claim_sums.FIRST_MAX, state="'paid'", why="'changed'")
    desk = await officer()
    await desk.get(FUND)
    assert shown(desk, ids) == ids and "Xem cả" not in desk.words()
    await sendings.run(_mark_last)
    await desk.get(FUND)
    assert f"Xem cả {len(ids) + 1} hồ sơ" in desk.words() and shown(desk, ids) == ids


async def _mark_last(tx: Transaction) -> None:
    async def write(connection: asyncpg.Connection) -> None:
        await connection.execute("update claim set state = 'paid', why = 'changed' where state = 'sent'")

    tx.also(write)


async def test_what_was_paid_and_cut_by_all_lists_is_known_without_reading_what_others_were_paid(
    sendings: ClaimVisits,
) -> None:
    own = await sendings.sent()
    claim = await sendings.claim(own)
    for batch, paid, cut in (("A", 1000, 0), ("B", 500, 250)):
        line = FundLine(claim.ma_lk, Decimal(paid), Decimal(cut), "Quá định mức" if cut else "")
        await sendings.run(lambda tx, batch=batch, line=line: payments_of_fund.reconcile(tx, batch, [line]))
    async with sendings.visits.clinic.store.begin(SYSTEM) as tx:
        known = (await payments_of_fund.paid_of(tx, [claim.ma_lk]))[claim.ma_lk]
        plan = await tx.fetch("explain " + payments_of_fund.KNOWN, 1, [claim.ma_lk])
    assert (known.paid, known.cut, known.owed) == (1500, 250, claim.t_bhtt - 1750)
    assert "claim_payment" not in str(plan)

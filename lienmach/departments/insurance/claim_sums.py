"""Claims added up by where they stand and by month, by sums over an index, however many there are.

Money that a claim has not asked for yet is the fund's part of its closed statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from lienmach.care.claims import claims, deadlines
from lienmach.care.claims.claims import Claim
from lienmach.departments.insurance import claim_words
from lienmach.record.transaction import Transaction

FIRST_MAX = 20  # of each kind that a person has to do something about, beside other things
_MONTHS = 13  # this one and the twelve before


@dataclass(frozen=True)
class Sum:
    """Claims of one state (a word of claim_words.STATES)."""

    word: str
    claims: int
    fund: Decimal


@dataclass(frozen=True)
class Month:
    """Claims of the visits that ended in one month. open_vnd: claimed, neither paid nor cut yet."""

    month: date
    claims: int
    fund: Decimal
    accepted: Decimal
    paid: Decimal
    cut: Decimal

    @property
    def open_vnd(self) -> Decimal:
        """What the fund still owes of it."""
        return self.fund - self.paid - self.cut


async def by_state(tx: Transaction, on: date | None = None) -> list[Sum]:
    """The states that there are. on: only claims of visits that were finished on that day."""
    zone = tx.tenant.time_zone
    start = datetime.combine(on or date(1900, 1, 1), time(), zone)
    end = datetime.combine(on + timedelta(days=1) if on else date(9000, 1, 1), time(), zone)
    if on:
        rows = await tx.fetch(
            """select state, why, count(*)::int as claims, sum(t_bhtt) as fund from claim
               where tenant = $1 and finished_at >= $2 and finished_at < $3 group by state, why""",
            tx.tenant.number, start, end,
        )  # fmt: skip
    else:
        rows = await tx.fetch(
            """with recursive g as (
                   (select state, why from claim where tenant = $1 order by state, why limit 1)
                   union all
                   select n.* from g cross join lateral (select c.state, c.why from claim c where c.tenant = $1
                       and (c.state, c.why) > (g.state, g.why) order by c.state, c.why limit 1) n)
               select g.state, g.why, s.claims, s.fund from g cross join lateral (
                   select count(*)::int as claims, sum(t_bhtt) as fund from claim
                   where tenant = $1 and state = g.state and why = g.why) s""",
            tx.tenant.number,
        )  # fmt: skip
    unbuilt = await tx.fetch(
        """select c.state, c.why, sum(a.t_bhtt) as fund from claim c
           join visit_account a on a.tenant = $1 and a.encounter_id = c.encounter_id
           where c.tenant = $1 and c.version = 0 and c.finished_at >= $2 and c.finished_at < $3
           group by c.state, c.why""",
        tx.tenant.number, start, end,
    )  # fmt: skip
    sums: dict[str, Sum] = {}
    for row in (*rows, *({**row, "claims": 0} for row in unbuilt)):
        word = claim_words.state_of(row["state"], row["why"])
        known = sums.get(word, Sum(word, 0, Decimal(0)))
        sums[word] = Sum(word, known.claims + row["claims"], known.fund + (row["fund"] or 0))
    return list(sums.values())


async def by_month(tx: Transaction) -> list[Month]:
    """The last months, newest first."""
    zone = tx.tenant.time_zone
    firsts = _firsts(tx.now.astimezone(zone).date())
    begun = [datetime.combine(one, time(), zone) for one in firsts]
    rows = await tx.fetch(
        """select m.place, s.* from unnest($2::timestamptz[], $3::timestamptz[]) with ordinality m(first, beyond, place)
           cross join lateral (
               select count(*)::int as claims, sum(t_bhtt) as fund, sum(accepted_vnd) as accepted,
                      sum(paid_vnd) as paid, sum(cut_vnd) as cut
               from claim where tenant = $1 and finished_at >= m.first and finished_at < m.beyond
               and state not in ('none', 'recalled')) s
           where s.claims > 0 order by m.place desc""",
        tx.tenant.number, begun, [*begun[1:], datetime.combine(date(9000, 1, 1), time(), zone)],
    )  # fmt: skip
    unbuilt = await tx.fetch(
        """select width_bucket(c.finished_at, $2::timestamptz[]) as place, sum(a.t_bhtt) as fund from claim c
           join visit_account a on a.tenant = $1 and a.encounter_id = c.encounter_id
           where c.tenant = $1 and c.version = 0 and c.finished_at >= $3 and c.state not in ('none', 'recalled')
           group by 1""",
        tx.tenant.number, begun, begun[0],
    )  # fmt: skip
    asked = {row["place"]: row["fund"] for row in unbuilt}
    return [
        Month(
            firsts[row["place"] - 1], row["claims"], row["fund"] + asked.get(row["place"], 0),
            row["accepted"] or Decimal(0), row["paid"], row["cut"],
        )
        for row in rows
    ]  # fmt: skip


async def silent(tx: Transaction) -> Sum:
    """Claims of which the portal has told nothing for as long as it shows answers."""
    rows = await tx.fetch(
        """select count(*)::int as claims, coalesce(sum(c.t_bhtt), 0) as fund from claim c
           join claim_version v on v.tenant = $1 and v.encounter_id = c.encounter_id and v.version = c.sent_version
           where c.tenant = $1 and c.state in ('sent', 'recalled') and c.sent_at < $2 and v.state = 'sent'""",
        tx.tenant.number, tx.now - timedelta(days=deadlines.ANSWERS_SHOWN_DAYS),
    )  # fmt: skip
    return Sum(claim_words.SILENT, rows[0]["claims"], rows[0]["fund"])


async def first_changed(tx: Transaction) -> list[Claim]:
    """The first paid claims whose statement is another since, oldest first; all of them: the state paid-changed."""
    return await claims.listed(tx, states=("paid",), why=claims.CHANGED, limit=FIRST_MAX)


async def first_silent(tx: Transaction) -> list[Claim]:
    """The first claims of which the portal has told nothing, oldest first; all of them: the state silent."""
    states, _ = claim_words.states_of(claim_words.SILENT)
    return await claims.listed(tx, states=states, is_silent=True, limit=FIRST_MAX)


async def count_changed(tx: Transaction) -> int:
    """How many paid claims there are whose statement is another since."""
    rows = await tx.fetch(
        "select count(*)::int as found from claim where tenant = $1 and why = 'changed' and state = 'paid'",
        tx.tenant.number,
    )  # fmt: skip
    return int(rows[0]["found"])


def _firsts(today: date) -> list[date]:
    """The first days of the months that are shown, oldest first."""
    months = today.year * 12 + today.month - 1
    return [date(at // 12, at % 12 + 1, 1) for at in range(months - _MONTHS + 1, months + 1)]

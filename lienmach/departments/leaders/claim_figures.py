"""Claims as leaders see them: rejected now, near their clock, and what was lost this month, by cause and specialty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from lienmach.record.transaction import Transaction

NEAR_DAYS = 2  # a claim that is not sent and must be by then, today included
LISTED_MAX = 200
UNSENT = ("waiting", "findings", "ready", "rejected")


@dataclass(frozen=True)
class ClaimFigures:
    """rejected: open rejections; at_stake_vnd: what they take off. lost_vnd: cut by the fund since the month began."""

    rejected: int
    at_stake_vnd: int
    lost_vnd: int
    near_clock: int


@dataclass(frozen=True)
class Loss:
    """What was cut this month for one cause in one specialty."""

    reason: str
    specialty: str
    visits: int
    lost_vnd: int


@dataclass(frozen=True)
class OpenClaim:
    """A rejection that is open, or a claim whose clock runs out. kind: rejection or clock."""

    kind: str
    encounter_id: str
    patient_id: str
    ma_lk: str
    text: str
    amount_vnd: int
    due_on: date | None


async def read(tx: Transaction, on: date) -> ClaimFigures:
    """The figures of a day."""
    rows = await tx.fetch(
        """select (select count(*) from claim_rejection where tenant = $1 and state = 'open') as rejected,
                  (select coalesce(sum(amount_vnd), 0)::bigint from claim_rejection
                   where tenant = $1 and state = 'open') as at_stake,
                  (select coalesce(sum(cut_vnd), 0)::bigint from claim_payment where tenant = $1 and at >= $2) as lost,
                  (select count(*) from claim where tenant = $1 and state = any($3) and request_due_on <= $4) as near""",
        tx.tenant.number, _month(tx, on), list(UNSENT), on + timedelta(days=NEAR_DAYS),
    )  # fmt: skip
    row = rows[0]
    return ClaimFigures(row["rejected"], row["at_stake"], row["lost"], row["near"])


async def losses(tx: Transaction, on: date) -> list[Loss]:
    """What was cut since the first of the month by cause and specialty, most first."""
    rows = await tx.fetch(
        """select p.reason, coalesce(v.specialty, '') as specialty, count(*) as visits, sum(p.cut_vnd)::bigint as lost
           from claim_payment p
           left join leaders_visit v on v.tenant = p.tenant and v.encounter_id = p.encounter_id
           where p.tenant = $1 and p.at >= $2 and p.cut_vnd > 0
           group by 1, 2 order by lost desc limit $3""",
        tx.tenant.number, _month(tx, on), LISTED_MAX,
    )  # fmt: skip
    return [Loss(row["reason"], row["specialty"], row["visits"], row["lost"]) for row in rows]


async def listed(tx: Transaction, on: date) -> list[OpenClaim]:
    """Open rejections and claims near their clock, the most urgent first."""
    rows = await tx.fetch(
        """select 'rejection' as kind, r.encounter_id, c.patient_id, c.ma_lk, r.text,
                  coalesce(r.amount_vnd, 0)::bigint as amount_vnd, r.due_on
           from claim_rejection r join claim c on c.tenant = r.tenant and c.encounter_id = r.encounter_id
           where r.tenant = $1 and r.state = 'open'
           union all
           select 'clock', encounter_id, patient_id, ma_lk, '', t_bhtt::bigint, request_due_on from claim
           where tenant = $1 and state = any($2) and request_due_on <= $3
           order by due_on limit $4""",
        tx.tenant.number, list(UNSENT), on + timedelta(days=NEAR_DAYS), LISTED_MAX,
    )  # fmt: skip
    return [OpenClaim(**dict(row)) for row in rows]


def _month(tx: Transaction, on: date) -> datetime:
    return datetime.combine(on.replace(day=1), time(), tx.tenant.time_zone)

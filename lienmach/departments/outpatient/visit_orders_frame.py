"""What the pages of orders, prescription, papers and total of a visit share: whose visit it is, and whether it is open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from starlette.requests import Request

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import patients, prescriptions, visit_cards, visit_facts
from lienmach.care.banner import Banner
from lienmach.care.claims import accepted
from lienmach.care.resources import Resource
from lienmach.care.visits import read as read_visit
from lienmach.identity import roles
from lienmach.record.transaction import Transaction
from lienmach.web import rendering, shell

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True)
class VisitFrame:
    """banner: whose visit. is_open: it takes orders. may_sign: this actor orders and prescribes. today: local day.

    may_replace: the visit has ended today, and this actor may put another prescription in the place of one of its own.
    """

    encounter: Resource
    encounter_id: str
    patient_id: str
    banner: Banner
    is_open: bool
    may_sign: bool
    today: date
    may_replace: bool

    @property
    def may_change(self) -> bool:
        """Whether the forms are shown."""
        return self.is_open and self.may_sign


async def read(tx: Transaction, request: Request, actor: Actor) -> VisitFrame:
    """The frame of the visit in the path. Raises errors.NotFound, Gone, Refused."""
    encounter_id = checked_id(request)
    encounter = await read_visit(tx, encounter_id)
    patient_id = visit_facts.patient_of(encounter)
    return VisitFrame(
        encounter,
        encounter_id,
        patient_id,
        await patients.read_banner(tx, patient_id, en=shell.language_of(request) == "en"),
        visit_facts.is_open(encounter),
        roles.may(actor, "visits.sign"),
        today(tx),
        roles.may(actor, "visits.sign") and prescriptions.may_replace(tx, encounter),
    )


def checked_id(request: Request) -> str:
    """The id in the path; NotFound for text that cannot be one."""
    return checked(str(request.path_params["id"]))


def checked(own: str) -> str:
    """An id from an address or a form; NotFound for text that cannot be one."""
    if not _ID.fullmatch(own):
        raise errors.NotFound("no such visit")
    return own


def today(tx: Transaction) -> date:
    """The day of the tenant."""
    return tx.now.astimezone(tx.tenant.time_zone).date()


def block_of(request: Request, name: str) -> str:
    """The block to render: the named one for htmx, the whole page otherwise."""
    return name if rendering.is_fragment(request) else ""


def status_of(request: Request, failure: errors.Failure) -> int:
    """The status of a form that is shown again: htmx puts only good answers where the form stands."""
    return 200 if rendering.is_fragment(request) else failure.status


def sentences_of(failure: errors.Failure | None, *, is_english: bool = False) -> list[str]:
    """What a failure says, one sentence an issue. Those of both languages ("… / …") are cut to the reader's."""
    if failure is None:
        return []
    said = []
    for issue in failure.issues:
        vietnamese, slash, english = issue.diagnostics.partition(" / ")
        said.append(english if slash and is_english else vietnamese if slash else issue.diagnostics)
    return list(dict.fromkeys(said))


async def not_accepted(tx: Transaction, frame: VisitFrame, list_name: str, codes: Sequence[str]) -> dict[str, str]:
    """Code -> a sentence, for insured drugs or services that the insurer has not accepted for today; {} without a card."""
    if visit_facts.category_of(frame.encounter) in ("", visit_cards.SELF_PAY):
        return {}
    return await accepted.warn(tx, list_name, codes, frame.today)

"""What the portal says of the rows that were handed in: asked for by the job `catalogues.answers` until it has told.

The members of an answer are our own reading (simulators/insurance_lists.py): trangThai DANG_XU_LY or DA_XU_LY (also
CHAP_NHAN and TU_CHOI for the whole list), dsDong with MA_NOI_BO, ketQua, tuNgay, lyDo.
"""

from __future__ import annotations

import functools
import weakref
from datetime import date, datetime, timedelta

from lienmach.base.actor import Actor
from lienmach.base.jobs import Job, JobRow, Taken
from lienmach.care import outbox
from lienmach.care.claims import hand_ins
from lienmach.care.claims.hand_ins import HandIn, Verdict
from lienmach.care.gateways import accepted_list, calls
from lienmach.care.gateways.calls import Line
from lienmach.care.outbox import Answer
from lienmach.record.transaction import Store, Transaction

GAP_MOST, ASKED_DAYS = timedelta(hours=6), 60
_TOKENS: weakref.WeakKeyDictionary[Store, dict[tuple[str, str], dict[str, str]]] = weakref.WeakKeyDictionary()
_FINAL = ("DA_XU_LY", "CHAP_NHAN", "TU_CHOI")


async def ask(store: Store, job: Taken) -> None:
    """Ask what has become of a hand-in, take it in, and ask again later while the portal is at it.

    After 60 days nobody asks any more, and its rows can be handed in again: a portal that has lost it never answers.
    Safe to run twice because the portal is only read, and rows that were told about are left alone.
    """
    actor = Actor(job.tenant, "system", frozenset({"system"}), "HOPERAT", hand_ins.ANSWERS)
    own = str(job.payload["hand_in"])
    async with store.begin(actor) as tx:
        one = await hand_ins.read(tx, own)
    if not one.transaction or not one.waiting:
        return
    age = store.now() - (one.sent_at or one.handed_at)
    if age > timedelta(days=ASKED_DAYS):
        await store.run(actor, functools.partial(hand_ins.take_in, one=one, verdicts=()))
        return
    answer = await _asked(store, one.transaction)
    verdicts = read(one, answer, [row.code for row in await _rows(store, actor, one)])
    gap = min(max(age / 2, hand_ins.GAP_FIRST), GAP_MOST)

    async def keep(tx: Transaction) -> None:
        if verdicts is None:
            tx.jobs.append(JobRow(hand_ins.ANSWERS, {"hand_in": own}, tx.now + gap))
        else:
            await hand_ins.take_in(tx, one, verdicts)

    await store.run(actor, keep)
    store.poke()


def read(one: HandIn, answer: Answer, codes: list[str]) -> list[Verdict] | None:
    """What an answer says of the rows; None while the portal is at it or nobody understands it.

    A list that is accepted or refused as a whole says so of each of `codes`, from the day that was asked for.
    """
    said = calls.json_of(answer) or {} if answer.outcome == "done" else {}
    state, listed = str(said.get("trangThai", "")), said.get("dsDong")
    if state not in _FINAL:
        return None
    if not isinstance(listed, list) or not listed:
        if state == "DA_XU_LY":
            return None
        why = " ".join(str(said.get("thongDiep") or "").split())
        begins = one.from_on if state == "CHAP_NHAN" else None
        return [Verdict(code, begins, "" if begins else why or "Cổng từ chối cả danh mục.") for code in codes]
    return [_verdict(one, row) for row in listed if isinstance(row, dict)]


JOBS = (Job(hand_ins.ANSWERS, ask),)


def _verdict(one: HandIn, row: dict[str, object]) -> Verdict:
    code, why = str(row.get("MA_NOI_BO", "")), " ".join(str(row.get("lyDo") or "").split())
    if str(row.get("ketQua", "")) != "CHAP_NHAN":
        return Verdict(code, None, why or "Cổng từ chối, không nêu lý do.")
    return Verdict(code, _day(str(row.get("tuNgay", ""))) or one.from_on)


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None


async def _rows(store: Store, actor: Actor, one: HandIn) -> list[hand_ins.HandedRow]:
    async with store.begin(actor) as tx:
        return await hand_ins.rows_of(tx, one.hand_in_id)


async def _asked(store: Store, transaction: str) -> Answer:
    if not outbox.is_connected(store.limits, hand_ins.CHANNEL):
        return Answer("down", problem=outbox.NOT_CONNECTED)
    async with calls.open_client() as client:
        line = Line(client, store.limits, _TOKENS.setdefault(store, {}))
        return await accepted_list.ask_answer(line, transaction)

"""A doctor with a key, a note to sign, and a clock that tests move."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from lienmach.base import clock
from lienmach.base.actor import Actor
from lienmach.care import resources, signing
from lienmach.record.change import Stored
from lienmach.record.transaction import Store, Transaction

PIN = "258046"
COOKIE = b"c" * 43
DOCTOR = Actor(1, "bacsi", frozenset(["doctor"]), "TREAT", "BS Mẫu Khám Bệnh", "")
COLLEAGUE = replace(DOCTOR, user="bacsi2", display="BS Mẫu Thứ Hai")


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at

    def move(self, **delta: float) -> None:
        self.at += timedelta(**delta)


def stop_clock(store: Store) -> Clock:
    """Let the store's clock stand still, at the present."""
    stopped = Clock(clock.now())
    store.now = stopped
    return stopped


def note(text: str = "Ho, sốt nhẹ", status: str = "final") -> dict[str, Any]:
    """A small note of a visit."""
    return {
        "resourceType": "Composition",
        "status": status,
        "type": {"coding": [{"system": "http://loinc.org", "code": "34108-1"}]},
        "date": "2026-11-21T09:00:00+07:00",
        "author": [{"display": "BS Mẫu Khám Bệnh"}],
        "title": "Phiếu khám",
        "section": [
            {
                "title": "Bệnh sử",
                "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'},
            }
        ],
    }


async def signed_note(store: Store, actor: Actor = DOCTOR, **more: Any) -> tuple[Stored, Stored]:
    """(note, Provenance) in one unit of work."""
    signer = await signing.signer_for(store, actor, session_key=COOKIE, pin=PIN)

    async def work(tx: Transaction) -> tuple[Stored, Stored]:
        made = await resources.create(tx, note())
        return made, await signing.attach(tx, signer, [made], activity="sign-note", **more)

    return await store.run(actor, work)

"""Work of the insurance officer while the node is being killed: what was sent back is mended and sent again, or answered."""

from __future__ import annotations

import random
import re
from typing import Any, Protocol

import httpx

from tests.faults.visit_writer import DESKS, Journal, NotDone, Person

#: What the portal finds in every third claim each: something of the structure, something of the appraisal.
STRUCTURE = {
    "loai": "1",
    "maLoi": "CT07",
    "bang": "XML1",
    "truong": "DIEN_THOAI",
    "stt": 1,
    "noiDung": "Số điện thoại sai (mẫu)",
}
APPRAISAL = {"soTien": "1000.00"}
FAULTS: tuple[dict[str, Any] | None, ...] = (STRUCTURE, APPRAISAL, None)


class Work(Protocol):
    """What this needs of a stream of visits."""

    number: int
    journal: Journal
    lots: random.Random
    fhir: httpx.AsyncClient

    async def find(self, path: str) -> list[dict[str, Any]]: ...


class Desk:
    """The officer of one stream. sent_again: rejections whose new version was asked for."""

    def __init__(self, stream: Work, officer: Person) -> None:
        self.stream, self.officer = stream, officer
        self.sent_again: set[str] = set()

    async def work_off(self) -> None:
        """Mend what the insurer sent back and send it again, or answer it; looked at again where nobody answered."""
        try:
            await self.officer.ask("GET", "/insurance/rejections")
            for own in dict.fromkeys(re.findall(r'href="/insurance/rejections/([\w-]+)"', self.officer.page)):
                if own in self.sent_again or int(own[:8], 16) % len(DESKS) != self.stream.number:
                    continue  # two who mend one field overwrite each other
                page = (await self.officer.ask("GET", f"/insurance/rejections/{own}")).text
                visit = re.search(r'href="/insurance/claims/([\w-]+)"', page)
                if visit is None or 'name="step"' not in page:
                    continue
                if STRUCTURE["truong"] in page:
                    await self._mend(own, visit[1])
                else:
                    await self._reply(own, visit[1], "answer", f"Giải trình {own[:8]} (mẫu)")
        except NotDone:
            return

    async def _mend(self, own: str, visit: str) -> None:
        """The person's telephone number is another one now, and the claim goes again."""
        [encounter] = await self.stream.find(f"/Encounter?_id={visit}")
        [person] = await self.stream.find(f"/Patient?_id={encounter['subject']['reference'].partition('/')[2]}")
        phone = f"09{self.stream.lots.randrange(10**8):08d}"
        try:
            answer = await self.stream.fhir.put(
                f"/Patient/{person['id']}",
                json={**person, "telecom": [{"system": "phone", "value": phone}]},
                headers={"if-match": f'W/"{person["meta"]["versionId"]}"'},
            )
        except httpx.HTTPError as problem:
            raise NotDone(type(problem).__name__) from None
        if answer.status_code != 200:
            raise NotDone(f"Patient {answer.status_code}")
        await self.officer.ask("GET", f"/insurance/rejections/{own}")
        if await self._reply(own, visit, "resend", f"Đã sửa số điện thoại {phone}", phone=phone):
            self.sent_again.add(own)

    async def _reply(self, own: str, visit: str, step: str, text: str, **more: str) -> bool:
        self.stream.journal.write(at="sent", kind=step, mark=own, text=text)
        answer = await self.officer.click(f"/insurance/rejections/{own}", {"step": step, "text": text})
        if answer.status_code == 303:
            self.stream.journal.write(at="acked", kind=step, mark=own, visit=visit, text=text, **more)
            return True
        said = " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())
        self.stream.journal.write(at="refused", kind=step, mark=own, status=answer.status_code, text=said[-400:])
        return False

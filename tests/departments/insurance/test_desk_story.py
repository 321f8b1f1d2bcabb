"""The desk's steps of story 1: a signed visit is clean, closed, sent, comes back at one field, goes again, is accepted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from lienmach.base.jobs import Taken
from lienmach.care.claims import answers, rejections
from lienmach.simulators import insurance as portal_simulator
from tests.care import claim_world, outbox_work
from tests.care.claim_world import SYSTEM, Signed
from tests.clinic import PIN, Clinic
from tests.departments.insurance.test_statement_pages import shown
from tests.simulators import running
from tests.web.client import Browser

Officer = Callable[..., Awaitable[Browser]]


async def send(clinic: Clinic, one: Signed) -> None:
    """The jobs: consider, send, and ask the portal what became of it."""
    version = (await one.consider()).version
    await outbox_work.send(clinic.store, (await one.versions())[-1].message_id)
    payload = {"encounter": one.encounter_id, "version": version}
    await answers.ask(clinic.store, Taken(1, 1, answers.ANSWERS, payload, 1, 10))


async def plant(portal: running.Simulator, ma_lk: str) -> None:
    """Let the appraisal find something in the next version of a visit."""
    said = {"ma_lk": ma_lk, "bang": "XML3", "truong": "NGAY_KQ", "stt": 1, "soTien": "1000.00"}
    async with httpx.AsyncClient() as client:
        assert (await client.post(portal.url + "/_plant", json=said)).status_code == 200


async def test_a_visit_goes_from_the_doctors_signature_to_accepted(clinic: Clinic, officer: Officer) -> None:
    async with running.here(portal_simulator, structure_seconds="0", appraise_seconds="0") as portal:
        outbox_work.connect(clinic.store, insurance_url=portal.url)
        one = await claim_world.signed(clinic, quantity=0)
        own, claim = one.encounter_id, await one.consider()
        await plant(portal, claim.ma_lk)
        desk, page = await officer(), f"/insurance/visits/{own}"
        await desk.get("/insurance/statements")
        assert f'value="{own}" aria-label="Chọn Nguyễn Văn Ân" checked' in desk.page, "the rules find no error in it"
        await desk.get("/insurance/claims")
        assert "Chờ bảng kê" in desk.words() and claim.ma_lk in desk.page
        await desk.get(page)
        assert (await desk.post(page, {"shown": shown(desk.page), "pin": PIN})).status_code == 303, desk.words()
        await send(clinic, one)
        await desk.get("/insurance/rejections")
        assert "XML3.NGAY_KQ" in desk.words() and "1.000 ₫" in desk.words()
        async with clinic.store.begin(SYSTEM) as tx:
            [returned] = await rejections.listed(tx)
        place = f"/insurance/rejections/{returned.id}"
        await desk.get(place)
        assert "XML3.NGAY_KQ" in desk.words() and "Giá trị đã gửi" in desk.words()
        assert (await desk.post(place, {"step": "resend", "text": "Đã đối chiếu giờ kết quả"})).status_code == 303
        await send(clinic, one)
        assert (await one.claim()).state == "accepted"
        await desk.get(f"/insurance/claims/{own}")
        said = desk.words()
        assert "Được chấp nhận" in said and "Lý do: Đã đối chiếu giờ kết quả" in said and "CHAP_NHAN" in said
        await desk.get("/insurance/rejections")
        assert "Không có gì bị trả" in desk.words()

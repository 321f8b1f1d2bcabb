"""Our catalogues handed in at the portal: what differs, the sending, the answer of each row; a portal away loses nothing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx

from lienmach.base.jobs import Taken
from lienmach.care import catalogues, resources
from lienmach.care.catalogues import Row
from lienmach.care.claims import accepted, hand_in_answers, hand_ins, own_lists
from lienmach.care.claims.hand_ins import HandedRow, HandIn
from lienmach.simulators import insurance
from tests.care import outbox_work
from tests.clinic import Clinic
from tests.simulators import running
from tests.web.client import Browser

Officer = Callable[..., Awaitable[Browser]]
SERVICES, DRUGS, STAFF, MACHINES = (f"/insurance/catalogues/{form}/hand-in" for form in ("05", "03", "02", "06"))


@contextlib.asynccontextmanager
async def portal(clinic: Clinic, **options: str) -> AsyncIterator[running.Simulator]:
    """A portal that answers at once, and a node that knows it."""
    async with running.here(insurance, **{"list_seconds": "0", **options}) as one:
        outbox_work.connect(clinic.store, insurance_url=one.url)
        yield one


async def reprice(clinic: Clinic, code: str, price: int) -> None:
    """From today on the price list says another insured price."""

    async def work(tx: Any) -> None:
        on = catalogues.today(tx)
        catalogues.put(tx, [Row("price", code, code, on, None, "approved", {"don_gia_bv": price, "don_gia_bh": price})])

    await clinic.store.run(clinic.actor("director"), work)


async def made(clinic: Clinic, form: str = "05") -> HandIn:
    async with clinic.store.begin(clinic.actor("insurance")) as tx:
        return (await hand_ins.listed(tx, form))[0]


async def rows(clinic: Clinic, form: str = "05") -> list[HandedRow]:
    one = await made(clinic, form)
    async with clinic.store.begin(clinic.actor("insurance")) as tx:
        return await hand_ins.rows_of(tx, one.hand_in_id)


async def send_and_ask(clinic: Clinic, form: str = "05") -> HandIn:
    """Let the newest hand-in go, and ask what the portal makes of it."""
    one = await made(clinic, form)
    await outbox_work.send(clinic.store, one.message_id)
    await hand_in_answers.ask(clinic.store, Taken(1, 1, hand_ins.ANSWERS, {"hand_in": one.hand_in_id}, 1, 10))
    return await made(clinic, form)


async def standing(clinic: Clinic, form: str, code: str) -> list[Row]:
    async with clinic.store.begin(clinic.actor("insurance")) as tx:
        found = await catalogues.all_of(tx, accepted.FORMS[form][0], limit=20_000)
    return [one for one in found if one.code == code]


def day(clinic: Clinic, days: int = 0) -> str:
    return f"{(clinic.store.now() + timedelta(hours=7, days=days)).date():%d/%m/%Y}"


def listed(desk: Browser) -> list[str]:
    return re.findall(r'name="row" value="([^"]+)"', desk.page)


async def test_nothing_is_left_to_hand_in_where_everything_stands_as_it_was_accepted(
    clinic: Clinic, officer: Officer
) -> None:
    desk = await officer()
    for address in (SERVICES, DRUGS, STAFF):
        await desk.get(address)
        assert "Không còn gì để nộp" in desk.words() and not listed(desk), address


async def test_a_price_that_changed_is_handed_in_and_begins_on_the_portals_day(
    clinic: Clinic, officer: Officer
) -> None:
    desk = await officer()
    await reprice(clinic, "service:XN-GLU", 31_000)
    await reprice(clinic, "service:XN-CREA", 32_000)
    await desk.get("/insurance/catalogues")
    assert "2 dòng chưa nộp hoặc khác" in desk.words()
    await desk.get(SERVICES)
    assert sorted(listed(desk)) == ["XN-CREA", "XN-GLU"] and "31000" in desk.words()
    async with portal(clinic) as at:
        form = {"step": "hand-in", "row": "XN-GLU", "from_on": day(clinic, 3)}
        assert (await desk.post(SERVICES, form)).headers["location"].endswith("done=1")
        await desk.get(SERVICES)
        assert listed(desk) == ["XN-CREA"] and "Chờ gửi" in desk.words() and "1 dòng đã nộp, chờ cổng" in desk.words()
        told = await send_and_ask(clinic)
        [said] = (await at.state())["catalogues"].values()
    assert (said["form"], said["facility"]) == ("05", "86991")
    assert said["rows"][0]["MA_NOI_BO"] == "XN-GLU" and said["rows"][0]["DON_GIA"] == "31000"
    assert (told.accepted, told.refused, told.waiting) == (1, 0, 0)
    old, new = await standing(clinic, "05", "XN-GLU")
    begins = (clinic.store.now() + timedelta(hours=7, days=3)).date()
    assert (new.valid_from, new.state, new.data["DON_GIA"]) == (begins, "approved", 31_000)
    assert old.valid_to == begins - timedelta(days=1) and new.data["MA_DICH_VU"] == old.data["MA_DICH_VU"]
    await desk.get(SERVICES)
    assert "1 được chấp nhận" in desk.words() and listed(desk) == ["XN-CREA"]


async def test_a_refused_row_keeps_its_reason_and_the_others_are_accepted(clinic: Clinic, officer: Officer) -> None:
    desk = await officer()
    for code in ("XN-GLU", "XN-CREA"):
        await reprice(clinic, f"service:{code}", 33_000)
    async with portal(clinic) as at:
        async with httpx.AsyncClient() as client:
            await client.post(f"{at.url}/_plant_row", json={"MA_NOI_BO": "XN-CREA", "lyDo": "Giá vượt khung"})
        await desk.get(SERVICES)
        form = {"step": "hand-in", "row": ["XN-GLU", "XN-CREA"], "from_on": day(clinic)}
        assert (await desk.post(SERVICES, form)).status_code == 303
        told = await send_and_ask(clinic)
        again = await send_and_ask(clinic)
    assert (told.accepted, told.refused) == (1, 1) == (again.accepted, again.refused)
    await desk.get(SERVICES)
    assert "Lần trước bị từ chối: Giá vượt khung" in desk.words() and listed(desk) == ["XN-CREA"]
    assert len(await standing(clinic, "05", "XN-GLU")) == 2 and len(await standing(clinic, "05", "XN-CREA")) == 1


async def test_while_the_portal_is_away_the_hand_in_waits_and_then_goes_once(clinic: Clinic, officer: Officer) -> None:
    desk = await officer()
    await reprice(clinic, "service:XN-GLU", 31_000)
    await desk.get(SERVICES)
    form = {"step": "hand-in", "row": "XN-GLU", "from_on": day(clinic)}
    assert (await desk.post(SERVICES, form)).status_code == 303
    assert (await send_and_ask(clinic)).waiting == 1
    await desk.get(SERVICES)
    assert "Cổng BHXH chưa được nối" in desk.words() and "Chờ gửi" in desk.words()
    outbox_work.connect(clinic.store, insurance_url=f"http://127.0.0.1:{running.free_port()}")
    assert (await send_and_ask(clinic)).waiting == 1
    await desk.get(SERVICES)
    assert "Không kết nối được nơi nhận" in desk.words()
    async with portal(clinic, list_seconds="600") as at:
        slow = await send_and_ask(clinic)
        assert slow.transaction and slow.waiting == 1
        await outbox_work.send(clinic.store, slow.message_id)
        assert len((await at.state())["catalogues"]) == 1
    await desk.get(SERVICES)
    assert "Cổng đã nhận, chờ trả lời" in desk.words() and not listed(desk)
    async with portal(
        clinic
    ):  # it has forgotten everything: asked again it does not know the receipt, and nothing is lost
        assert (await send_and_ask(clinic)).waiting == 1


async def test_a_row_is_handed_in_once_at_a_time(clinic: Clinic, officer: Officer) -> None:
    desk = await officer()
    await reprice(clinic, "service:XN-GLU", 31_000)
    await desk.get(SERVICES)
    form = {"step": "hand-in", "row": "XN-GLU", "from_on": day(clinic)}
    assert (await desk.post(SERVICES, form)).status_code == 303
    await desk.get(SERVICES)
    again = await desk.post(SERVICES, form)
    assert again.status_code == 409 and "đang chờ trả lời" in desk.words()
    one = await made(clinic)
    assert (await desk.post(SERVICES, {"step": "drop", "hand_in": one.hand_in_id})).status_code == 303
    await desk.get(SERVICES)
    assert "Đã bỏ" in desk.words() and listed(desk) == ["XN-GLU"]
    assert (await desk.post(SERVICES, form)).status_code == 303


async def test_what_lacks_something_or_has_no_day_is_refused_with_a_sentence(clinic: Clinic, officer: Officer) -> None:
    desk = await officer()

    async def unpriced(tx: Any) -> None:
        data = {"kind": "lab", "nhom": "1", "is_insured": True}
        catalogues.put(tx, [Row("service", "XN-MOI", "Xét nghiệm mới", catalogues.today(tx), None, "approved", data)])

    await clinic.store.run(clinic.actor("director"), unpriced)
    await desk.get(SERVICES)
    assert "thiếu DON_GIA" in desk.words()
    for form, words in (
        ({"row": "XN-MOI", "from_on": day(clinic)}, "Xét nghiệm mới: thiếu DON_GIA"),
        ({"row": "KHONG-CO", "from_on": day(clinic)}, "Chưa chọn dòng nào"),
        ({"row": "XN-MOI", "from_on": "32/13/2026"}, "Ngày chưa đúng"),
    ):
        answer = await desk.post(SERVICES, {"step": "hand-in", **form})
        assert answer.status_code == 422 and words in desk.words()
    async with clinic.store.begin(clinic.actor("insurance")) as tx:
        assert not await hand_ins.listed(tx, "05")


async def test_a_machine_of_the_record_is_handed_in_with_the_code_that_is_typed(
    clinic: Clinic, officer: Officer
) -> None:
    desk = await officer()

    async def add(tx: Any) -> str:
        body = {"resourceType": "Device", "status": "active", "deviceName": [
            {"name": "Máy sinh hoá mới (mẫu)", "type": "user-friendly-name"}]}  # fmt: skip
        return (await resources.create(tx, body)).id

    device = await clinic.store.run(clinic.actor("admin"), add)
    await desk.get(MACHINES)
    assert listed(desk) == [device]
    bare = await desk.post(MACHINES, {"step": "hand-in", "row": device, "from_on": day(clinic)})
    assert bare.status_code == 422 and "thiếu MA_MAY" in desk.words()
    form = {"step": "hand-in", "row": device, f"machine:{device}": "SH.2.MAU02", "from_on": day(clinic)}
    async with portal(clinic):
        assert (await desk.post(MACHINES, form)).status_code == 303
        assert (await send_and_ask(clinic, "06")).accepted == 1
    [row] = await standing(clinic, "06", "SH.2.MAU02")
    assert row.data["device"] == device and row.name == "Máy sinh hoá mới (mẫu)"
    await desk.get(MACHINES)
    assert not listed(desk), "it is known by its Device now"


async def test_who_only_reads_claims_hands_nothing_in(clinic: Clinic, officer: Officer) -> None:
    await reprice(clinic, "service:XN-GLU", 31_000)
    head = await officer("director")
    await head.get(SERVICES)
    assert "XN-GLU" in head.words() and not listed(head)
    answer = await head.post(SERVICES, {"step": "hand-in", "row": "XN-GLU", "from_on": day(clinic)})
    assert answer.status_code == 403


def test_numbers_that_are_the_same_are_no_difference() -> None:
    assert {own_lists.said(one) for one in (45000, 45000.0, "45000")} == {"45000"}
    assert own_lists.said(0.5) == "0.5" and own_lists.said(None) == ""


async def test_a_machine_that_waits_for_its_answer_is_not_offered_again(clinic: Clinic, officer: Officer) -> None:
    desk = await officer()

    async def add(tx: Any) -> str:
        body = {"resourceType": "Device", "status": "active", "deviceName": [
            {"name": "Máy sinh hoá mới (mẫu)", "type": "user-friendly-name"}]}  # fmt: skip
        return (await resources.create(tx, body)).id

    device = await clinic.store.run(clinic.actor("admin"), add)
    await desk.get(MACHINES)
    form = {"step": "hand-in", "row": device, f"machine:{device}": "SH.2.MAU02", "from_on": day(clinic)}
    async with portal(clinic, list_seconds="600"):
        assert (await desk.post(MACHINES, form)).status_code == 303
        assert (await send_and_ask(clinic, "06")).waiting == 1
    await desk.get(MACHINES)
    assert not listed(desk) and "1 dòng đã nộp, chờ cổng trả lời" in desk.words()


async def test_a_hand_in_that_the_portal_never_answers_can_be_made_again_after_sixty_days(
    clinic: Clinic, officer: Officer
) -> None:
    desk = await officer()
    await reprice(clinic, "service:XN-GLU", 31_000)
    await desk.get(SERVICES)
    await desk.post(SERVICES, {"step": "hand-in", "row": "XN-GLU", "from_on": day(clinic)})
    began = clinic.store.now
    clinic.store.now = lambda: began() + timedelta(days=70)  # it lay in the outbox so long: its days begin now
    async with portal(clinic, list_seconds="9999999"):
        assert (await send_and_ask(clinic)).waiting == 1
        for days, waiting in ((59, 1), (61, 0)):
            clinic.store.now = lambda days=days: began() + timedelta(days=70 + days)  # type: ignore[misc]
            assert (await send_and_ask(clinic)).waiting == waiting
    [row] = await rows(clinic)
    assert (row.state, row.reason) == ("refused", "Cổng không trả lời về dòng này.")

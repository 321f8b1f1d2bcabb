"""Claims to the portal and back: receipt, structure errors, appraisal, the next version; a portal that fails loses none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest

from lienmach.base import errors
from lienmach.base.jobs import Taken
from lienmach.care import outbox, resources
from lienmach.care.claims import answers, claims, rejections, replies
from lienmach.care.outbox import Answer
from lienmach.record import committer
from lienmach.simulators import insurance
from tests.care import claim_world, outbox_work
from tests.care.claim_world import SYSTEM, Signed
from tests.clinic import Clinic
from tests.simulators import running


@contextlib.asynccontextmanager
async def portal(clinic: Clinic, **options: str) -> AsyncIterator[running.Simulator]:
    """A portal that answers at once, and a node that knows it."""
    async with running.here(insurance, **{"structure_seconds": "0", "appraise_seconds": "0", **options}) as one:
        outbox_work.connect(clinic.store, insurance_url=one.url)
        yield one


async def ready(clinic: Clinic) -> Signed:
    """A visit of which the first version is queued."""
    one = await claim_world.signed(clinic, quantity=0)
    await one.close()
    assert (await one.consider()).state == "ready", await one.findings()
    return one


async def send(one: Signed) -> claims.Claim:
    """Let the message of the newest version go; the claim afterwards."""
    await outbox_work.send(one.clinic.store, (await one.versions())[-1].message_id)
    return await one.claim()


async def ask(one: Signed, version: int = 0) -> claims.Claim:
    """Ask what has become of a version; the claim afterwards."""
    own = version or (await one.claim()).version
    payload = {"encounter": one.encounter_id, "version": own}
    await answers.ask(one.clinic.store, Taken(1, 1, answers.ANSWERS, payload, 1, 10))
    return await one.claim()


async def plant(at: running.Simulator, one: Signed, **fault: Any) -> None:
    """Let the portal find this in the version in hand, or the next one."""
    async with httpx.AsyncClient() as client:
        said = {"ma_lk": (await one.claim()).ma_lk, **fault}
        assert (await client.post(at.url + "/_plant", json=said)).status_code == 200


async def returned(one: Signed) -> list[rejections.Rejection]:
    async with one.clinic.store.begin(SYSTEM) as tx:
        return await rejections.of_visit(tx, one.encounter_id)


async def test_a_claim_is_received_appraised_and_accepted(clinic: Clinic) -> None:
    one = await ready(clinic)
    async with portal(clinic):
        claim = await send(one)
        assert (claim.state, claim.sent_version) == ("sent", 1)
        assert claim.transaction_number and claim.sent_at is not None
        claim = await ask(one)
    assert (claim.state, claim.accepted_vnd) == ("accepted", claim.t_bhtt)
    [version] = await one.versions()
    assert (version.state, len(version.answers)) == ("accepted", 2)


async def test_the_bytes_that_arrive_are_the_bytes_that_are_kept(clinic: Clinic) -> None:
    one = await ready(clinic)
    [version] = await one.versions()
    message = await outbox_work.read(clinic.store, SYSTEM, version.message_id)
    assert message.body == version.xml
    assert message.key == f"{(await one.claim()).ma_lk}/1"


async def test_a_rejection_opens_at_its_field_with_a_clock_and_sending_again_unchanged_leaves_it_open(
    clinic: Clinic,
) -> None:
    one = await ready(clinic)
    desk = clinic.actor("insurance")
    async with portal(clinic) as at:
        await plant(at, one, bang="XML3", truong="NGAY_KQ", stt=1, maLoi="GD07", noiDung="Chưa phù hợp", soTien=1000)
        await send(one)
        claim = await ask(one)
        assert (claim.state, claim.accepted_vnd) == ("rejected", claim.t_bhtt - 1000)
        [found] = await returned(one)
        assert (found.kind, found.code, found.table, found.field, found.row) == (
            "appraisal", "GD07", "XML3", "NGAY_KQ", 1,
        )  # fmt: skip
        assert (found.state, found.amount_vnd) == ("open", Decimal(1000))
        assert found.due_on > found.said_at.date()
        assert rejections.link_of(found).startswith(f"/outpatient/visits/{one.encounter_id}")
        await ask(one)
        assert len(await returned(one)) == 1
        await clinic.store.run(desk, lambda tx: claims.resend(tx, one.encounter_id, "Đã sửa theo giám định"))
        await one.consider()
        [found] = await returned(one)
        assert (found.state, found.is_unmended, found.newest) == ("open", True, 2)
        assert (await send(one)).sent_version == 2
        assert (await ask(one)).state == "accepted"
    assert (await returned(one))[0].state == "closed"
    with pytest.raises(errors.Conflict):
        await clinic.store.run(desk, lambda tx: replies.answer(tx, found.id, "Lần nữa"))


async def test_a_rejection_is_mended_by_the_version_that_changes_its_place_and_no_other(clinic: Clinic) -> None:
    one = await ready(clinic)
    desk = clinic.actor("insurance")
    async with portal(clinic) as at:
        await plant(at, one, loai="1", bang="XML1", truong="HO_TEN", stt=1, maLoi="CT07", noiDung="Sai họ tên")
        await plant(at, one, loai="1", bang="XML1", truong="MA_BENH_CHINH", stt=1, maLoi="CT07", noiDung="Sai mã bệnh")
        await send(one)
        await ask(one)

        async def rename(tx: Any) -> None:
            patient = await resources.read(tx, "Patient", one.patient_id)
            await resources.update(tx, {**patient, "name": [{"text": "Trần Văn Sửa"}]})

        await clinic.store.run(SYSTEM, rename)
        await clinic.store.run(desk, lambda tx: claims.resend(tx, one.encounter_id, "Đã sửa họ tên"))
        await one.consider()
        states = {each.field: (each.state, each.mended_in) for each in await returned(one)}
        assert states == {"HO_TEN": ("mended", 2), "MA_BENH_CHINH": ("open", 0)}
        # Said again of the next version: one of them is to be worked off, not both.
        await send(one)
        await plant(at, one, loai="1", bang="XML1", truong="MA_BENH_CHINH", stt=1, maLoi="CT07", noiDung="Sai mã bệnh")
        await ask(one)
    again = [(each.version, each.state) for each in await returned(one) if each.field == "MA_BENH_CHINH"]
    assert again == [(2, "open"), (1, "closed")]


async def said_wrong(at: running.Simulator, one: Signed, **more: Any) -> rejections.Rejection:
    """The claim sent, and come back with one fault of the appraisal."""
    fault = {"bang": "XML3", "truong": "NGAY_KQ", "stt": 1, "maLoi": "GD07", "noiDung": "Chưa phù hợp", "soTien": 1000}
    await plant(at, one, **{**fault, **more})
    await send(one)
    assert (await ask(one)).state == "rejected"
    [found] = await returned(one)
    return found


async def reply(one: Signed, found: rejections.Rejection, text: str) -> str:
    """The desk answers; the id of the message that carries it."""
    await one.clinic.store.run(one.clinic.actor("insurance"), lambda tx: replies.answer(tx, found.id, text))
    return outbox.message_id(replies.CHANNEL, f"{found.id}/{(await returned(one))[0].replies}")


@pytest.mark.parametrize(
    ("verdict", "state", "claimed"), [("", "accepted", "accepted"), ("GIU_NGUYEN", "kept", "rejected")]
)
async def test_an_answer_is_queued_sent_and_judged_and_each_step_is_told(
    clinic: Clinic, verdict: str, state: str, claimed: str
) -> None:
    one = await ready(clinic)
    async with portal(clinic) as at:
        found = await said_wrong(at, one, giaiTrinh=verdict)
        message = await reply(one, found, "Đúng như y lệnh đã ký")
        [found] = await returned(one)
        assert (found.state, found.reply, found.is_due) == ("answered", "Đúng như y lệnh đã ký", True)
        with pytest.raises(errors.Conflict):
            await reply(one, found, "Lần nữa")
        await outbox_work.send(clinic.store, message)
        [found] = await returned(one)
        assert found.state == "sent" and found.received_at is not None and not found.is_due
        assert [each["noiDung"] for each in (await at.state())["replies"]] == ["Đúng như y lệnh đã ký"]
        claim = await ask(one)
    [found] = await returned(one)
    assert (found.state, claim.state) == (state, claimed) and found.verdict
    assert claim.accepted_vnd == (claim.t_bhtt if claimed == "accepted" else claim.t_bhtt - 1000)


@pytest.mark.parametrize("fault", ["down", "wrong", "duplicate"])
async def test_an_answer_that_the_portal_does_not_take_waits_and_goes_once(clinic: Clinic, fault: str) -> None:
    one = await ready(clinic)
    async with portal(clinic) as at:
        found = await said_wrong(at, one)
        message = await reply(one, found, "Theo phác đồ")
        await at.fault(fault)
        await outbox_work.send(clinic.store, message)
        [found] = await returned(one)
        assert found.state == "answered" and found.problem and not found.may_be_answered(clinic.store.now())
        await at.fault("")
        await outbox_work.send(clinic.store, message)
        assert (await returned(one))[0].state == "sent"
        assert len((await at.state())["replies"]) == 1


async def test_an_answer_that_the_portal_refuses_is_open_again_and_another_may_be_written(clinic: Clinic) -> None:
    one = await ready(clinic)
    async with portal(clinic) as at:
        found = await said_wrong(at, one)
        message = await reply(one, found, "Theo phác đồ")
        async with portal(clinic):  # another one, which knows nothing of the claim
            await outbox_work.send(clinic.store, message)
        outbox_work.connect(clinic.store, insurance_url=at.url)
        async with clinic.store.begin(SYSTEM) as tx:
            [found] = await rejections.listed(tx, states=("open",))
        assert (found.problem, found.reply, found.may_be_answered(clinic.store.now())) == (
            "refused",
            "Theo phác đồ",
            True,
        )
        second = await reply(one, found, "Theo phác đồ, mục 3")
        assert second != message
        await outbox_work.send(clinic.store, second)
        [found] = await returned(one)
        assert (found.state, found.reply, found.replies) == ("sent", "Theo phác đồ, mục 3", 2)


async def test_words_that_are_answered_twice_at_once_go_once(clinic: Clinic) -> None:
    one = await ready(clinic)
    desk = clinic.actor("insurance")
    async with portal(clinic) as at:
        found = await said_wrong(at, one)

        async def say(number: int) -> None:
            await clinic.store.run(desk, lambda tx: replies.answer(tx, found.id, f"Lời {number}"))

        done = await asyncio.gather(say(1), say(2), say(3), return_exceptions=True)
        assert sorted(type(each).__name__ for each in done) == ["Conflict", "Conflict", "NoneType"]
        [found] = await returned(one)
        async with clinic.store.begin(SYSTEM) as tx:
            [message] = await outbox.of_subject(tx, f"Encounter/{one.encounter_id}", channel=replies.CHANNEL)
        assert found.reply.encode() in message.body


async def test_a_structure_error_has_two_working_days(clinic: Clinic) -> None:
    one = await ready(clinic)
    async with portal(clinic) as at:
        await plant(at, one, loai="1", bang="XML1", truong="MA_BENH_CHINH", maLoi="CT07", noiDung="Thiếu mã bệnh")
        await send(one)
        assert (await ask(one)).state == "rejected"
    [found] = await returned(one)
    assert found.kind == "structure"


async def test_a_late_answer_about_an_old_version_moves_nothing(clinic: Clinic) -> None:
    one = await ready(clinic)
    async with portal(clinic) as at:
        await send(one)
        await plant(at, one)
        await clinic.store.run(SYSTEM, lambda tx: claims.resend(tx, one.encounter_id, "Gửi lại"))
        await one.consider()
        before = (await one.claim()).state
        assert (await ask(one, 1)).state == before
    assert await returned(one) == []


@pytest.mark.parametrize("fault", ["down", "wrong", "duplicate"])
async def test_a_portal_that_fails_gets_the_same_claim_once(clinic: Clinic, fault: str) -> None:
    one = await ready(clinic)
    async with portal(clinic) as at:
        await at.fault(fault)
        claim = await send(one)
        assert claim.state == "ready" and claim.problem
        await ask(one)
        assert (await one.claim()).state == "ready"
        await at.fault("")
        assert (await send(one)).state == "sent"
        assert [len(sent) for sent in (await at.state())["claims"].values()] == [1]


async def test_a_node_without_a_portal_keeps_the_claim_waiting(clinic: Clinic) -> None:
    one = await ready(clinic)
    claim = await send(one)
    assert (claim.state, claim.problem) == ("ready", outbox.NOT_CONNECTED)


async def test_asking_goes_on_with_growing_gaps_and_ends_after_sixty_days(clinic: Clinic) -> None:
    one = await ready(clinic)
    async with portal(clinic, structure_seconds="600", appraise_seconds="900"):
        await send(one)
        began, gaps = clinic.store.now(), []
        for age in (timedelta(minutes=1), timedelta(hours=1), timedelta(days=3), timedelta(days=61)):
            clinic.store.now = lambda age=age: began + age  # type: ignore[misc]
            await _drop_jobs(clinic)
            await ask(one)
            gaps += [row["run_at"] - (began + age) for row in await _jobs(clinic)]
    assert gaps == sorted(gaps) and len(gaps) == 3
    assert gaps[0] >= answers.GAP_FIRST and gaps[-1] == answers.GAP_MOST


async def _jobs(clinic: Clinic) -> list[Any]:
    async with clinic.pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('lienmach.tenant', '1', true)")
        found: list[Any] = await connection.fetch("select run_at from job where kind = $1", answers.ANSWERS)
        return found


async def _drop_jobs(clinic: Clinic) -> None:

    owner = await asyncpg.connect(clinic.settings.database_owner_url)
    try:
        await owner.execute("delete from job where kind = 'claims.answers'")
    finally:
        await owner.close()


@pytest.mark.parametrize(
    ("body", "state", "count"),
    [
        (b'{"trangThai": "CHAP_NHAN", "soTienChapNhan": "100.00"}', "accepted", 0),
        (b'{"trangThai": "DANG_XU_LY", "dsLoi": []}', "", 0),
        (b'{"trangThai": "LA", "dsLoi": [{"loai": "1"}]}', "rejected", 1),
        (b'{"trangThai": "TU_CHOI", "dsLoi": "x", "soTienChapNhan": "-1"}', "rejected", 0),
        (b"[]", "", 0),
        (b'{"dsLoi": [1, null, {"loai": "9", "stt": "x", "soTien": "nan"}]}', "rejected", 1),
    ],
)
def test_an_answer_of_any_shape_is_read(body: bytes, state: str, count: int) -> None:
    told = answers.read(Answer("done", 200, "application/json", body))
    assert (told.state, len(told.faults)) == (state, count)


async def test_an_answer_about_an_unknown_visit_changes_nothing(clinic: Clinic) -> None:
    told = answers.Told("rejected", (), None)
    with pytest.raises(errors.NotFound):
        await clinic.store.run(SYSTEM, lambda tx: answers.take_in(tx, "nobody", 1, told, b"{}"))
    async with clinic.store.begin(SYSTEM) as tx:
        assert await tx.fetch("select 1 from claim_answer where tenant = 1") == []


async def test_a_fault_that_is_told_while_the_next_version_is_stored_is_looked_at_again(clinic: Clinic) -> None:
    one = await ready(clinic)
    told = answers.Told(
        "rejected", (rejections.Said("appraisal", "GD1", "XML1", "HO_TEN", 1, "Sai họ tên", None),), None
    )
    async with portal(clinic):
        await send(one)
    tables = await one.tables()
    changed = {**tables, "XML1": [{**tables["XML1"][0], "HO_TEN": "TRẦN VĂN SỬA"}]}
    with pytest.raises(committer.Changed):
        async with clinic.store.begin(SYSTEM) as tx:
            assert not await rejections.mended_by(tx, one.encounter_id, changed)
            await clinic.store.run(SYSTEM, lambda tx: answers.take_in(tx, one.encounter_id, 1, told, b"{}"))
    async with clinic.store.begin(SYSTEM) as tx:
        assert len(await rejections.mended_by(tx, one.encounter_id, changed)) == 1


async def test_words_that_were_kept_are_no_end_the_place_can_still_be_mended(clinic: Clinic) -> None:
    one = await ready(clinic)
    desk = clinic.actor("insurance")
    async with portal(clinic) as at:
        fault = {"bang": "XML1", "truong": "HO_TEN", "giaiTrinh": "GIU_NGUYEN"}
        message = await reply(one, await said_wrong(at, one, **fault), "Đúng như giấy tờ")
        await outbox_work.send(clinic.store, message)
        await ask(one)
        assert (await returned(one))[0].state == "kept"

        async def rename(tx: Any) -> None:
            patient = await resources.read(tx, "Patient", one.patient_id)
            await resources.update(tx, {**patient, "name": [{"text": "Trần Văn Sửa"}]})

        await clinic.store.run(SYSTEM, rename)
        await clinic.store.run(desk, lambda tx: claims.resend(tx, one.encounter_id, "Đã sửa họ tên"))
        await one.consider()
        [found] = await returned(one)
        assert (found.state, found.mended_in, found.is_unmended) == ("mended", 2, False)
        await send(one)
        assert (await ask(one)).state == "accepted"
    assert (await returned(one))[0].state == "closed"

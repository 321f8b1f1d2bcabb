"""Claims at the desk: the queue by what is due, the day's batch, versions with their bytes, rejections at the field."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

from lienmach.care import resources
from tests.clinic import Clinic
from tests.departments.insurance.claim_visits import SYSTEM, ClaimVisits, fault
from tests.web.client import Browser

LIST = "/insurance/claims"
Officer = Callable[..., Awaitable[Browser]]


async def test_each_state_is_told_with_its_money_and_what_is_due_first_stands_first(
    sendings: ClaimVisits, officer: Officer
) -> None:
    waiting = await sendings.opened()
    sent = await sendings.sent()
    back = await sendings.sent(("T-KHAM", 1), ("T-XN", 1))
    await sendings.told(back, "rejected", fault())
    desk = await officer()
    assert (await desk.get(LIST)).status_code == 200
    assert "Chờ bảng kê" in desk.words() and "Bị trả" in desk.words()
    assert f'href="/insurance/claims/{sent}"' not in desk.page, "what is sent waits for nobody here"
    assert desk.page.index(f"/insurance/claims/{back}") < desk.page.index(f"/insurance/claims/{waiting}")
    assert "Sửa lỗi cấu trúc" in desk.words() and "Gửi đề nghị thanh toán" in desk.words()
    assert "356.000,08 ₫" in desk.words(), "the sums count every state"
    await desk.get(LIST, params={"state": "sent"})
    assert f'href="/insurance/claims/{sent}"' in desk.page and f'href="/insurance/claims/{waiting}"' not in desk.page


async def test_of_what_is_done_the_newest_comes_first_and_of_what_waits_the_oldest(
    clinic: Clinic, sendings: ClaimVisits, officer: Officer
) -> None:
    sent = [await sendings.sent() for _ in range(2)]
    waiting = [await sendings.opened() for _ in range(2)]
    desk = await officer()
    await desk.get(LIST, params={"state": "sent"})
    assert desk.page.index(f"/insurance/claims/{sent[1]}") < desk.page.index(f"/insurance/claims/{sent[0]}")
    await desk.get(LIST, params={"state": "waits-statement"})
    assert desk.page.index(f"/insurance/claims/{waiting[0]}") < desk.page.index(f"/insurance/claims/{waiting[1]}")
    await desk.get(LIST, params={"state": "stale"})
    assert "/insurance/claims/" + waiting[0] not in desk.page and sent[0] not in desk.page


async def test_a_claim_is_found_by_its_key_or_the_name_and_a_day_is_a_batch(
    clinic: Clinic, sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.sent()
    key, today = (await sendings.claim(own)).ma_lk, clinic.store.now().date()
    desk = await officer()
    for asked in ({"text": key}, {"text": "nguyen van an"}, {"on": f"{today:%d/%m/%Y}"}, {"on": f"{today}"}):
        await desk.get(LIST, params=asked)
        assert f'href="/insurance/claims/{own}"' in desk.page, asked
    await desk.get(LIST, params={"on": f"{today - timedelta(days=1)}"})
    assert "Ngày này không có hồ sơ nào" in desk.words()
    await desk.get(LIST, params={"text": "khong ai"})
    assert "Không tìm thấy" in desk.words()
    part = await desk.client.get(LIST, headers={"HX-Request": "true"})
    assert part.status_code == 200 and "<html" not in part.text


async def test_a_claim_that_is_not_sent_after_three_hours_is_marked(
    clinic: Clinic, sendings: ClaimVisits, officer: Officer
) -> None:
    await sendings.opened()
    desk = await officer()
    await desk.get(LIST)
    assert "Quá 3 giờ" not in desk.words()
    then = clinic.store.now()
    clinic.store.now = lambda: then + timedelta(hours=3, minutes=1)
    await desk.get(LIST)
    assert "1 hồ sơ quá 3 giờ" in desk.words() and "Quá 3 giờ chưa gửi" in desk.words()


async def test_the_files_of_a_day_are_exactly_the_newest_bytes(
    clinic: Clinic, sendings: ClaimVisits, officer: Officer
) -> None:
    one, other, waiting = await sendings.sent(), await sendings.sent(("T-KHAM", 1)), await sendings.opened()
    second = await sendings.built(one, "Người bệnh đã thanh toán")
    desk, today = await officer(), clinic.store.now().date()
    answer = await desk.client.get(f"/insurance/batches/{today}")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    keys = {own: (await sendings.claim(own)).ma_lk for own in (one, other, waiting)}
    assert files == {f"{keys[one]}-2.xml": second.xml, f"{keys[other]}-1.xml": (await sendings.versions(other))[0].xml}
    for day in ("2020-01-01", "heute"):
        assert (await desk.client.get(f"/insurance/batches/{day}")).status_code == 404


async def test_a_version_shows_its_reason_its_changes_its_bytes_and_every_answer(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.sent()
    await sendings.told(own, "rejected", fault())
    account = await sendings.visits.account(own)
    await sendings.visits.shift()
    await sendings.visits.pay(own, account.due, "k1")
    version = await sendings.built(own, "Người bệnh đã thanh toán")
    desk, page = await officer(), f"/insurance/claims/{own}"
    assert (await desk.get(page)).status_code == 200
    said = desk.words()
    assert "Lý do: Người bệnh đã thanh toán" in said and "NGAY_TTOAN" in said
    assert "NGAY_KQ chưa phù hợp" in said and "GD-" in said
    answer = await desk.client.get(f"{page}/versions/2")
    assert answer.content == version.xml and f"{account.ma_lk}-2.xml" in answer.headers["content-disposition"]
    assert (await desk.client.get(f"{page}/versions/3")).status_code == 404
    assert (await desk.get("/insurance/claims/nobody")).status_code == 404


async def test_sending_again_and_recalling_need_a_reason_and_one_that_was_never_sent_cannot_be(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own, waiting = await sendings.sent(), await sendings.opened()
    desk, page = await officer(), f"/insurance/claims/{own}"
    await desk.get(page)
    for step in ("resend", "recall"):
        answer = await desk.post(page, {"step": step, "reason": " "})
        assert answer.status_code == 422 and "lý do" in desk.words()
    assert (await desk.post(page, {"step": "burn", "reason": "thử"})).status_code == 400
    assert (await sendings.claim(own)).asked_reason == ""
    await desk.get(page)
    assert (await desk.post(page, {"step": "resend", "reason": "Bổ sung kết quả"})).status_code == 303
    claim = await sendings.claim(own)
    assert (claim.asked_reason, claim.asked_by) == ("Bổ sung kết quả", "insurance")
    answer = await desk.post(f"/insurance/claims/{waiting}", {"step": "resend", "reason": "Bổ sung"})
    assert answer.status_code == 409 and "chưa gửi lần nào" in desk.words()
    await desk.get(page)
    assert (await desk.post(page, {"step": "recall", "reason": "Nhầm đối tượng"})).status_code == 303
    assert (await sendings.claim(own)).recall_reason == "Nhầm đối tượng"


async def test_rejections_are_listed_by_the_day_they_are_due_with_the_loss_by_cause(
    sendings: ClaimVisits, officer: Officer
) -> None:
    one, other = await sendings.sent(), await sendings.sent(("T-KHAM", 1), ("T-XN", 1))
    [appraised] = await sendings.told(
        one, "rejected", fault(kind="appraisal", code="GD01", amount_vnd=Decimal(120_000)), accepted=Decimal(1)
    )
    [structural] = await sendings.told(other, "rejected", fault("XML1", "MA_DKBD", 1))
    desk = await officer()
    await desk.get("/insurance/rejections")
    page, said = desk.page, desk.words()
    assert page.index(f"/insurance/rejections/{structural.id}") < page.index(f"/insurance/rejections/{appraised.id}")
    assert "Giám định GD01 1 120.000 ₫" in said and "Cộng 2 120.000 ₫" in said
    for view in ("answered", "closed", "strange"):
        assert (await desk.get("/insurance/rejections", params={"view": view})).status_code == 200
    part = await desk.client.get("/insurance/rejections", headers={"HX-Request": "true"})
    assert "<html" not in part.text


async def test_a_rejection_opens_at_the_exact_field_with_what_was_sent_and_what_it_is_now(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.sent()
    [structural] = await sendings.told(own, "rejected", fault("XML1", "HO_TEN", 1))
    desk, page = await officer(), f"/insurance/rejections/{structural.id}"
    assert (await desk.get(page)).status_code == 200
    assert "XML1.HO_TEN" in desk.words() and "chưa đổi" in desk.words()
    claim = await sendings.claim(own)
    assert f'href="/registration/patients/{claim.patient_id}/details#name"' in desk.page

    async def rename(tx: object) -> None:
        patient = await resources.read(tx, "Patient", claim.patient_id)  # type: ignore[arg-type]
        await resources.update(tx, {**patient, "name": [{"text": "Trần Văn Sửa"}]})  # type: ignore[arg-type]

    await sendings.visits.clinic.store.run(SYSTEM, rename)
    await desk.get(page)
    said = desk.words().upper()
    assert "ĐÃ KHÁC" in said and "NGUYỄN VĂN ÂN" in said and "TRẦN VĂN SỬA" in said


async def test_a_clinical_field_names_the_doctors_page_and_money_opens_the_statement(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.sent()
    clinical, money = await sendings.told(
        own, "rejected", fault("XML1", "MA_BENH_CHINH", 1), fault("XML3", "T_BHTT", 1)
    )
    desk = await officer()
    by_field = {clinical.field: clinical.id, money.field: money.id}
    await desk.get(f"/insurance/rejections/{by_field['T_BHTT']}")
    assert f'href="/insurance/visits/{own}" data-key="F4"' in desk.page
    await desk.get(f"/insurance/rejections/{by_field['MA_BENH_CHINH']}")
    assert f"/outpatient/visits/{own}" in desk.words() and "Bác sĩ sửa" in desk.words()


async def test_a_rejection_is_answered_with_words_or_sent_again_and_not_without(
    sendings: ClaimVisits, officer: Officer
) -> None:
    own = await sendings.sent()
    first, second = await sendings.told(own, "rejected", fault(row=1), fault(row=2))
    desk, page = await officer(), f"/insurance/rejections/{first.id}"
    await desk.get(page)
    assert (await desk.post(page, {"step": "answer", "text": ""})).status_code == 422
    assert (await desk.post(page, {"step": "answer", "text": "Máy trả kết quả theo lô"})).status_code == 303
    await desk.get(page)
    said = desk.words()
    assert "Giải trình chờ gửi" in said and "Máy trả kết quả theo lô" in said
    assert "Cơ sở chưa kết nối nơi nhận này" in said and 'value="answer"' not in desk.page
    assert (await desk.post(page, {"step": "answer", "text": "Lần nữa"})).status_code == 409
    assert "đang chờ gửi" in desk.words()
    await desk.get(f"/insurance/rejections/{second.id}")
    answer = await desk.post(f"/insurance/rejections/{second.id}", {"step": "resend", "text": "Đã sửa giờ kết quả"})
    assert answer.status_code == 303 and (await sendings.claim(own)).asked_reason == "Đã sửa giờ kết quả"
    assert (await desk.post(page, {"step": "burn", "text": "abc"})).status_code == 400
    assert (await desk.get("/insurance/rejections/nothing")).status_code == 404


async def test_a_director_reads_claims_and_sends_nothing(sendings: ClaimVisits, officer: Officer) -> None:
    own = await sendings.sent()
    [returned] = await sendings.told(own, "rejected", fault())
    desk = await officer("director")
    for page in (LIST, f"/insurance/claims/{own}", "/insurance/rejections", f"/insurance/rejections/{returned.id}"):
        assert (await desk.get(page)).status_code == 200, page
    assert 'name="step"' not in desk.page
    for page in (f"/insurance/claims/{own}", f"/insurance/rejections/{returned.id}"):
        assert (await desk.post(page, {"step": "resend", "reason": "x y z", "text": "x y z"})).status_code == 403

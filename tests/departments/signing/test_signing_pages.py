"""One's own key on screen, and the signatures of a document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import asyncpg
import pytest

from lienmach.care import signing
from lienmach.record.transaction import Store
from lienmach.web import rendering
from tests.care.signing_world import DOCTOR, PIN, signed_note
from tests.web.client import PASSWORD, Browser, add_user

ACTOR = replace(DOCTOR, display="bacsi Thử")


async def make_key(browser: Browser, pin: str = PIN, password: str = PASSWORD, again: str = "") -> int:
    await browser.get("/signing/key")
    fields = {"step": "create", "password": password, "pin": pin, "again": again or pin}
    return (await browser.post("/signing/key", fields)).status_code


def cookie_of(browser: Browser) -> bytes:
    return browser.client.cookies["lienmach"].encode()


async def test_who_has_no_key_is_told_how_to_make_one(doctor: Browser) -> None:
    assert (await doctor.get("/signing/key")).status_code == 200
    assert "Bạn chưa có khoá ký" in doctor.words() and "Đổi PIN" not in doctor.words()


async def test_a_key_is_made_with_the_password_and_signs(doctor: Browser, store: Store) -> None:
    assert await make_key(doctor) == 303
    await doctor.get("/signing/key?done=create")
    assert "Đã tạo khoá ký" in doctor.words() and "Đang dùng" in doctor.words()
    await signing.signer_for(store, ACTOR, session_key=b"", pin=PIN)


@pytest.mark.parametrize(
    "fields, sentence",
    [
        ({"password": "sai mat khau"}, "Mật khẩu chưa đúng"),
        ({"pin": "123456"}, "PIN quá dễ đoán"),
        ({"pin": "12"}, "6 đến 12 chữ số"),
        ({"again": "864209"}, "Hai lần nhập PIN"),
    ],
)
async def test_a_key_is_not_made_otherwise_and_the_page_says_why(
    doctor: Browser, store: Store, fields: dict[str, str], sentence: str
) -> None:
    assert await make_key(doctor, **fields) == 422
    assert sentence in doctor.words()
    assert not (await signing.state_of(store, ACTOR)).has_key


async def test_a_pin_is_changed_with_the_old_one_only(doctor: Browser, store: Store) -> None:
    await make_key(doctor)
    await doctor.get("/signing/key")
    new = {"step": "change", "pin": "975310", "again": "975310"}
    assert (await doctor.post("/signing/key", {**new, "old": "864209"})).status_code == 422
    assert "còn 4 lần" in doctor.words()
    assert (await doctor.post("/signing/key", new)).status_code == 422
    assert (await doctor.post("/signing/key", {**new, "old": PIN})).status_code == 303
    await signing.signer_for(store, ACTOR, session_key=b"", pin="975310")


async def test_an_unlocked_key_is_shown_and_can_be_locked_again(doctor: Browser, store: Store) -> None:
    await make_key(doctor)
    await signing.signer_for(store, ACTOR, session_key=cookie_of(doctor), pin=PIN)
    await doctor.get("/signing/key")
    assert "Đang mở" in doctor.words()
    assert (await doctor.post("/signing/key", {"step": "lock"})).status_code == 303
    with pytest.raises(signing.PinNeeded):
        await signing.signer_for(store, ACTOR, session_key=cookie_of(doctor), pin=None)


async def test_signing_out_locks_the_key(doctor: Browser, store: Store) -> None:
    await make_key(doctor)
    cookie = cookie_of(doctor)
    await signing.signer_for(store, ACTOR, session_key=cookie, pin=PIN)
    await doctor.get("/signing/key")
    await doctor.post("/sign-out")
    with pytest.raises(signing.PinNeeded):
        await signing.signer_for(store, ACTOR, session_key=cookie, pin=None)


async def test_who_may_not_sign_has_no_key_page(browser_at: Callable[..., Browser], store: Store) -> None:
    await add_user(store.pool, "tiepdon", "reception")
    browser = browser_at()
    await browser.sign_in("tiepdon")
    assert (await browser.get("/signing/key")).status_code == 403
    assert (await browser.post("/signing/key", {"step": "create"})).status_code == 403


async def test_the_signatures_of_a_document_are_shown_true_and_false(
    doctor: Browser, store: Store, owner_url: str
) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    made, _ = await signed_note(store, on_behalf_facility=True)
    await doctor.get(f"/signing/signatures/Composition/{made.id}")
    assert "Chữ ký đúng" in doctor.words() and "BS Mẫu Khám Bệnh" in doctor.words()
    assert "khoá của cơ sở" in doctor.words() and "bản hiện tại" in doctor.words()
    owner = await asyncpg.connect(owner_url)
    await owner.execute("update version set body = $2 where id = $1", made.id, made.body + b" ")
    await owner.close()
    await doctor.get(f"/signing/signatures/Composition/{made.id}")
    assert "Nội dung đã bị sửa sau khi ký" in doctor.words() and "Chữ ký đúng" not in doctor.words()


async def test_a_document_without_signatures_says_so(doctor: Browser, store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    _, provenance = await signed_note(store)
    await doctor.get(f"/signing/signatures/Provenance/{provenance.id}")
    assert "Chưa có chữ ký" in doctor.words()


@pytest.mark.parametrize("path", ["Nonsense/1", "Composition/not-here", "Composition/%00"])
async def test_a_document_that_is_not_here_is_not_found(doctor: Browser, path: str) -> None:
    assert (await doctor.get(f"/signing/signatures/{path}")).status_code in (400, 404)


def test_the_pin_field_asks_only_for_a_locked_key(app, doctor: Browser) -> None:  # type: ignore[no-untyped-def]
    renderer: rendering.Renderer = app.app.state.renderer
    environment = renderer.environments["vi"]
    template = environment.from_string('{% import "web/parts.html" as parts %}{{ parts.pin_field(state) }}')
    assert "/signing/key" in template.render(state=signing.SigningState(False, False))
    assert 'name="pin"' in template.render(state=signing.SigningState(True, False))
    assert 'name="pin"' not in template.render(state=signing.SigningState(True, True, None))
    assert "PIN chưa đúng" in template.render(state=signing.SigningState(True, True, None, "PIN chưa đúng"))

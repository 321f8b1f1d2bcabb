"""Keys of the node: PINs, their limits, sessions, restarts."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace

import asyncpg
import pytest

from lienmach.base import clock, errors
from lienmach.care import signing, signing_certificates, signing_keys
from lienmach.identity import sessions, users
from lienmach.record.transaction import Store
from tests.care.signing_world import COLLEAGUE, COOKIE, DOCTOR, PIN, signed_note, stop_clock

WRONG = "864209"


async def unlock(store: Store, pin: str | None, *, cookie: bytes = COOKIE) -> signing.Signer:
    return await signing.signer_for(store, DOCTOR, session_key=cookie, pin=pin)


@pytest.mark.parametrize(
    "pin", ["12345", "1234567890123", "abcdef", "٣٤٥٦٧٨", "123456", "987654", "111111", "112233", ""]
)
def test_a_pin_that_is_no_pin_or_too_easy_is_refused(pin: str) -> None:
    assert signing_certificates.pin_fault(pin)


@pytest.mark.parametrize("pin", ["258046", "123465", "1357924680", "190219"])
def test_a_pin_of_six_to_twelve_digits_is_taken(pin: str) -> None:
    assert not signing_certificates.pin_fault(pin)


async def test_a_pin_that_is_too_easy_makes_no_key(store: Store) -> None:
    with pytest.raises(errors.Unprocessable):
        await signing.set_pin(store, DOCTOR, "123456")
    assert not (await signing.state_of(store, DOCTOR)).has_key


async def test_without_a_key_nobody_signs(store: Store) -> None:
    for pin in (None, PIN):
        with pytest.raises(signing.NoKey):
            await unlock(store, pin)


async def test_a_key_needs_the_pin_once_a_session(store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    with pytest.raises(signing.PinNeeded):
        await unlock(store, None)
    first = await unlock(store, PIN)
    assert (await unlock(store, None)).key_id == first.key_id
    with pytest.raises(signing.PinNeeded):
        await unlock(store, None, cookie=b"d" * 43)
    with pytest.raises(signing.NoKey):
        await signing.signer_for(store, COLLEAGUE, session_key=COOKIE, pin=None)


async def test_the_copy_of_a_session_opens_for_nobody_else(store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    await signing.set_pin(store, COLLEAGUE, "975310")
    await unlock(store, PIN)
    with pytest.raises(signing.PinNeeded):
        await signing.signer_for(store, COLLEAGUE, session_key=COOKIE, pin=None)


async def test_a_session_unlock_expires_after_thirty_minutes(store: Store) -> None:
    stopped = stop_clock(store)
    await signing.set_pin(store, DOCTOR, PIN)
    await unlock(store, PIN)
    stopped.move(minutes=29, seconds=59)
    assert (await signing.state_of(store, DOCTOR, session_key=COOKIE)).is_unlocked
    await unlock(store, None)
    stopped.move(seconds=1)
    assert not (await signing.state_of(store, DOCTOR, session_key=COOKIE)).is_unlocked
    with pytest.raises(signing.PinNeeded):
        await unlock(store, None)


async def test_without_a_session_nothing_is_kept(store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    await unlock(store, PIN, cookie=b"")
    with pytest.raises(signing.PinNeeded):
        await unlock(store, None, cookie=b"")


async def test_five_wrong_pins_lock_the_key_even_for_the_right_one(store: Store) -> None:
    stopped = stop_clock(store)
    await signing.set_pin(store, DOCTOR, PIN)
    for left in (4, 3, 2, 1):
        with pytest.raises(signing.WrongPin) as caught:
            await unlock(store, WRONG)
        assert (caught.value.values["left"], caught.value.seconds) == (left, 0)
    with pytest.raises(signing.WrongPin) as caught:
        await unlock(store, WRONG)
    assert caught.value.seconds == 300
    with pytest.raises(signing.WrongPin):
        await unlock(store, PIN)
    stopped.move(minutes=5, seconds=1)
    await unlock(store, PIN)
    with pytest.raises(signing.WrongPin) as caught:  # a right PIN forgets the wrong ones
        await unlock(store, WRONG)
    assert caught.value.values["left"] == 4


def test_the_lock_grows_to_four_hours() -> None:
    assert [signing_keys.lock_minutes(one) for one in (4, 5, 6, 7, 8, 99)] == [0, 5, 15, 60, 240, 240]


async def test_guesses_sent_all_at_once_are_no_way_around_the_lock(store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    guesses = await asyncio.gather(*(unlock(store, f"{n:06d}") for n in range(500100, 500120)), return_exceptions=True)
    tried = [one for one in guesses if isinstance(one, signing.WrongPin) and "left" in one.values]
    assert len(tried) == 4 and all(isinstance(one, signing.WrongPin) for one in guesses)
    with pytest.raises(signing.WrongPin):
        await unlock(store, PIN)


async def test_a_locked_key_still_signs_in_a_session_that_is_unlocked(store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    await unlock(store, PIN)
    for _ in range(5):
        with pytest.raises(signing.WrongPin):
            await unlock(store, WRONG, cookie=b"e" * 43)
    await unlock(store, None)


async def test_a_new_pin_by_the_old_one_keeps_the_key(store: Store) -> None:
    key_id = await signing.set_pin(store, DOCTOR, PIN)
    with pytest.raises(signing.WrongPin):
        await signing.set_pin(store, DOCTOR, "975310", old=WRONG)
    assert await signing.set_pin(store, DOCTOR, "975310", old=PIN) == key_id
    assert (await unlock(store, "975310")).key_id == key_id


async def test_a_new_key_ends_the_sessions_of_the_old_one(store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    await unlock(store, PIN)
    await signing.set_pin(store, DOCTOR, "975310")
    with pytest.raises(signing.PinNeeded):
        await unlock(store, None)


async def test_two_first_pins_at_once_leave_one_key_that_may_sign(store: Store) -> None:
    await asyncio.gather(*(signing.set_pin(store, DOCTOR, PIN) for _ in range(3)))
    kept = await signing_keys.of_person(store, 1, "bacsi")
    assert len([one for one in kept if one.withdrawn_at is None]) == 1
    await unlock(store, PIN)


async def test_a_restart_of_the_node_keeps_keys_and_sessions(store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    made, _ = await signed_note(store)
    again = await Store.open(store.limits, store.pool, store.definitions)
    try:
        signer = await signing.signer_for(again, DOCTOR, session_key=COOKIE, pin=None)
        assert signer.key_id == (await signing.signer_for(again, DOCTOR, session_key=COOKIE, pin=PIN)).key_id
        async with again.begin(DOCTOR) as tx:
            (one,) = await signing.verify(tx, f"Composition/{made.id}")
        assert one.state == "ok"
    finally:
        await again.close()


async def test_the_node_secret_is_readable_by_the_node_only_and_made_once(store: Store) -> None:
    home = store.limits.home
    made = await asyncio.gather(*(asyncio.to_thread(signing_keys.node_secret, home) for _ in range(8)))
    assert len(set(made)) == 1 and len(made[0]) == 32
    assert stat.S_IMODE((home / signing_keys.FILE).stat().st_mode) == 0o600
    assert [one.name for one in home.iterdir()] == [signing_keys.FILE]


async def test_a_database_in_another_home_cannot_sign(store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    await unlock(store, PIN)
    moved = await Store.open(replace(store.limits, home=store.limits.home / "elsewhere"), store.pool, store.definitions)
    try:
        with pytest.raises(signing.SigningRefused):
            await signing.signer_for(moved, DOCTOR, session_key=COOKIE, pin=None)
        with pytest.raises(signing.SigningRefused):
            await signing.signer_for(moved, DOCTOR, session_key=COOKIE, pin=PIN)
    finally:
        await moved.close()


@pytest.mark.parametrize("way", ["sign out", "lock"])
async def test_signing_out_or_locking_the_screen_asks_for_the_pin_again(store: Store, way: str) -> None:
    account = users.Account(1, "bacsi", "BS Mẫu Khám Bệnh", frozenset({"doctor"}))
    await users.add(store.pool, account, clock.now())
    cookie = await sessions.open_session(store.pool, account, clock.now())
    await signing.set_pin(store, DOCTOR, PIN)
    await unlock(store, PIN, cookie=cookie.encode())
    session = await sessions.find(store.pool, cookie, clock.now())
    assert session is not None
    if way == "lock":
        await sessions.set_locked(store.pool, session, True)
        await sessions.set_locked(store.pool, session, False)
    else:
        await sessions.close(store.pool, session)
    with pytest.raises(signing.PinNeeded):
        await unlock(store, None, cookie=cookie.encode())


async def test_no_private_key_and_no_pin_stands_readable_in_the_database(store: Store, owner_url: str) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    await unlock(store, PIN)
    owner = await asyncpg.connect(owner_url)
    try:
        for table in ("signing_authority", "signing_key", "signing_session"):
            for row in await owner.fetch(f"select * from {table}"):
                whole = b"".join(value for value in row.values() if isinstance(value, bytes))
                assert PIN.encode() not in whole and COOKIE not in whole
                assert b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" not in row["sealed"]  # id-ecPublicKey, as PKCS #8 has it
    finally:
        await owner.close()


async def test_a_person_of_another_tenant_has_no_part_in_it(store: Store) -> None:
    await signing.set_pin(store, DOCTOR, PIN)
    with pytest.raises(signing.NoKey):
        await signing.signer_for(store, replace(DOCTOR, tenant=2), session_key=COOKIE, pin=PIN)

"""Keys that the node keeps for its people: made, unlocked by PIN, held for a session, replaced.

Wrong PINs since the last right one     1 2 3 4   5    6    7    8 and more
the key is locked for (minutes)         - - - -   5   15   60   240

Each guess is counted before it is tried, so guesses sent all at once are no way around the lock. A session's copy of an
unlocked key lies in `signing_session`, sealed under the cookie: every web worker can open it, a copy of the database
cannot. The node secret (`signing-secret` in the home, mode 600) belongs into the backup with the database; without it
no stored key can sign again, while old signatures stay verifiable.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives.asymmetric import ec

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import signing_certificates as certificates
from lienmach.care.signing_port import ES256, NoKey, PinNeeded, SigningState, WrongPin
from lienmach.identity import rows
from lienmach.record.transaction import Store

_log = logging.getLogger(__name__)
FILE = "signing-secret"
UNLOCKED_FOR = timedelta(minutes=30)
FREE_FAILURES = 4
LOCK_MINUTES = (5, 15, 60, 240)
FACILITY = "@"  # begins the name, instead of a login, under which a facility's own key stands; no login has it
_NO_KEY = "Bạn chưa có khoá ký. Mở trang Khoá ký để tạo khoá và đặt PIN."
_PIN_NEEDED = "Nhập PIN để ký."
_WRONG = "PIN chưa đúng; còn {left} lần trước khi khoá ký bị tạm khoá."
_WRONG_LOCKED = "PIN chưa đúng; khoá ký tạm khoá {minutes} phút."
_LOCKED = "Khoá ký đang tạm khoá vì nhập sai PIN nhiều lần. Thử lại sau {minutes} phút."


@dataclass(frozen=True)
class NodeSigner:
    """A Signer (signing_port.py) whose key is unlocked in this process's memory."""

    tenant: int
    login: str
    who: dict[str, str]
    key_id: str
    certificate: bytes
    chain: tuple[bytes, ...]
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    async def sign(self, data: bytes, *, algorithm: str = ES256) -> bytes:
        """See Signer.sign; a tenth of a millisecond, so on the loop."""
        if algorithm != ES256:
            raise ValueError(f"this key signs {ES256}, not {algorithm}")
        return certificates.sign(self._key, data)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    # Two at a time: each PIN takes 46 MiB and a core for tens of milliseconds.
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="signing-pin")


async def _of_pin(pin: str, salt: bytes, secret: bytes) -> bytes:
    return await asyncio.get_running_loop().run_in_executor(_threads(), certificates.of_pin, pin, salt, secret)


def node_secret(home: Path) -> bytes:
    """The 32 bytes of this home under which keys are sealed; made at the first call, by one process only."""
    file = home / FILE
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        draft = home / f".{FILE}-{os.getpid()}-{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(secrets.token_hex(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, file)  # atomic: whoever comes second keeps the first one's
        except FileExistsError:
            pass
        finally:
            os.unlink(draft)
    return bytes.fromhex(file.read_text(encoding="ascii").strip())


# -- make and replace


async def set_pin(store: Store, actor: Actor, pin: str, *, old: str = "") -> str:
    """Give the actor a key under this PIN; return its key id.

    With the old PIN the same key goes on under the new one. Without it a new key is issued and the former withdrawn:
    what it signed stays verifiable. The caller has made sure that the person is who they say (password just given).
    Raises WrongPin for a wrong old PIN, errors.Unprocessable for a PIN that is too easy (text: a key of `web/words`).
    """
    fault = certificates.pin_fault(pin)
    if fault:
        raise errors.Unprocessable(fault)
    secret = await asyncio.to_thread(node_secret, store.limits.home)
    salt = os.urandom(16)
    under = await _of_pin(pin, salt, secret)
    if old:
        signer = await _unlock(store, actor, old, secret)
        sealed = certificates.seal(signer._key, under, label=_label(actor.tenant, actor.user, signer.key_id))
        async with rows.of_tenant(store.pool, actor.tenant) as connection:
            await connection.execute(
                "update signing_key set sealed = $2, salt = $3 where key_id = $1 and state = 'active'",
                signer.key_id,
                sealed,
                salt,
            )
        return signer.key_id
    return await _issue(store, actor.tenant, actor.user, actor.display or actor.user, secret, under, salt)


async def ensure(store: Store, actor: Actor, pin: str) -> None:
    """Give the actor a key under this PIN if there is none that may sign; demo data and scripts. Safe to run twice."""
    if (await state_of(store, actor)).has_key:
        return
    await set_pin(store, actor, pin)


async def _issue(
    store: Store, tenant: int, login: str, display: str, secret: bytes, under: bytes, salt: bytes, *, keep: bool = False
) -> str:
    """A new active key. keep: one that is there already stays (the facility's, made by whoever came first)."""
    now, organisation = store.now(), store.tenants[tenant].name
    authority = await _authority(store, tenant, secret)
    made = await asyncio.to_thread(
        lambda: certificates.issue(
            authority,
            login="" if login.startswith(FACILITY) else login,
            name=display,
            organisation=organisation,
            at=now,
        )
    )
    sealed = certificates.seal(made.key, under, label=_label(tenant, login, made.key_id))
    async with rows.of_tenant(store.pool, tenant) as connection:
        await connection.execute("select pg_advisory_xact_lock($1, hashtext('signing ' || $2))", tenant, login)
        if not keep:
            await connection.execute(
                """update signing_key set state = 'withdrawn', sealed = null, withdrawn_at = $2
                   where login = $1 and state = 'active'""",
                login,
                now,
            )
            await connection.execute("delete from signing_session where login = $1", login)
        await connection.execute(
            """insert into signing_key (tenant, key_id, login, certificate, sealed, salt, state, issued_at)
               values ($1, $2, $3, $4, $5, $6, 'active', $7)
               on conflict (tenant, login) where state = 'active' do nothing""",
            *(tenant, made.key_id, login, made.der, sealed, salt, now),
        )
    _log.info("signing key %s of %s issued in tenant %d", made.key_id[:12], login, tenant)
    return made.key_id


async def _authority(store: Store, tenant: int, secret: bytes) -> certificates.Certified:
    under = certificates.of_node(secret, purpose="authority")
    found = await _authority_row(store, tenant)
    if found is None:
        made = certificates.new_authority(store.tenants[tenant].name, store.now())
        async with rows.of_tenant(store.pool, tenant) as connection:
            await connection.execute(
                """insert into signing_authority (tenant, certificate, sealed, created_at) values ($1, $2, $3, $4)
                   on conflict do nothing""",
                *(tenant, made.der, certificates.seal(made.key, under, label=f"authority {tenant}"), store.now()),
            )
        found = await _authority_row(store, tenant)
        assert found is not None
    key = certificates.unseal(found["sealed"], under, label=f"authority {tenant}")
    if key is None:
        raise errors.Unavailable(f"The file {FILE} of this home is not the one under which the keys were sealed.")
    return certificates.Certified(key, found["certificate"])


async def _authority_row(store: Store, tenant: int) -> asyncpg.Record | None:
    async with rows.of_tenant(store.pool, tenant) as connection:
        return await connection.fetchrow("select certificate, sealed from signing_authority")


# -- unlock


async def signer_for(store: Store, actor: Actor, *, session_key: bytes, pin: str | None) -> NodeSigner:
    """The actor's own key, unlocked by this PIN or by the session's copy.

    session_key: the session's cookie; b"" (a command without a session) keeps no copy. A right PIN keeps the key
    unlocked in this session for 30 minutes. Raises NoKey, PinNeeded, WrongPin.
    """
    secret = await asyncio.to_thread(node_secret, store.limits.home)
    if not pin:
        return await _of_session(store, actor, session_key, secret)
    signer = await _unlock(store, actor, pin, secret)
    if session_key:
        now = store.now()
        sealed = certificates.seal(
            signer._key,
            certificates.of_session(session_key, secret),
            label=_label(actor.tenant, actor.user, signer.key_id),
        )
        async with rows.of_tenant(store.pool, actor.tenant) as connection:
            await connection.execute("delete from signing_session where expires_at <= $1", now)
            await connection.execute(
                """insert into signing_session (tenant, session_hash, login, key_id, sealed, expires_at)
                   values ($1, $2, $3, $4, $5, $6) on conflict (tenant, session_hash) do update
                      set login = $3, key_id = $4, sealed = $5, expires_at = $6""",
                *(actor.tenant, _hash(session_key), actor.user, signer.key_id, sealed, now + UNLOCKED_FOR),
            )
    return signer


async def lock(store: Store, actor: Actor, *, session_key: bytes) -> None:
    """Forget the session's copy: the next signature asks for the PIN. Safe to call twice."""
    async with rows.of_tenant(store.pool, actor.tenant) as connection:
        await connection.execute(
            "delete from signing_session where session_hash = $1 and login = $2", _hash(session_key), actor.user
        )


async def state_of(store: Store, actor: Actor, *, session_key: bytes = b"", fault: str = "") -> SigningState:
    """What a form with a PIN field shows. fault: a sentence about the last attempt."""
    now = store.now()
    async with rows.of_tenant(store.pool, actor.tenant) as connection:
        key = await connection.fetchrow(
            "select key_id, certificate from signing_key where login = $1 and state = 'active'", actor.user
        )
        until_at = await connection.fetchval(
            """select expires_at from signing_session
               where session_hash = $1 and login = $2 and expires_at > $3 and key_id = $4""",
            *(_hash(session_key), actor.user, now, key["key_id"] if key else ""),
        )
    has_key = key is not None and certificates.is_valid_at(key["certificate"], now)
    return SigningState(has_key, has_key and until_at is not None, until_at if has_key else None, fault)


async def facility_signer(store: Store, tenant: int, who: dict[str, str]) -> NodeSigner:
    """The own key of one facility, which seals what a person of it has signed; made at the first call.

    who: a Reference to its Organization. Nobody signs with it alone: callers have a person's Signer too.
    """
    own = FACILITY + who.get("reference", "").removeprefix("Organization/")
    secret = await asyncio.to_thread(node_secret, store.limits.home)
    under = certificates.of_node(secret, purpose=f"facility {tenant} {own}")
    key = await _active(store, tenant, own)
    if key is None or not certificates.is_valid_at(key["certificate"], store.now()):
        await _issue(store, tenant, own, who.get("display", ""), secret, under, b"", keep=key is None)
        key = await _active(store, tenant, own)
    assert key is not None
    return await _signer(store, tenant, own, key, who, key["sealed"], under)


async def _of_session(store: Store, actor: Actor, session_key: bytes, secret: bytes) -> NodeSigner:
    key = await _active(store, actor.tenant, actor.user)
    _check_valid(key, store.now())
    assert key is not None
    async with rows.of_tenant(store.pool, actor.tenant) as connection:
        sealed = await connection.fetchval(
            """select sealed from signing_session
               where session_hash = $1 and login = $2 and key_id = $3 and expires_at > $4""",
            *(_hash(session_key), actor.user, key["key_id"], store.now()),
        )
    if sealed is None or not session_key:
        raise PinNeeded(_PIN_NEEDED)
    under = certificates.of_session(session_key, secret)
    return await _signer(store, actor.tenant, actor.user, key, _who(actor), sealed, under)


async def _unlock(store: Store, actor: Actor, pin: str, secret: bytes) -> NodeSigner:
    now = store.now()
    key = await _active(store, actor.tenant, actor.user)
    _check_valid(key, now)
    assert key is not None
    failures, lock = await _count_guess(store, actor.tenant, key["key_id"], now)
    under = await _of_pin(pin[:64], key["salt"], secret)
    try:
        signer = await _signer(store, actor.tenant, actor.user, key, _who(actor), key["sealed"], under)
    except PinNeeded:
        if lock:
            _log.warning("signing key of %s in tenant %d locked for %d minutes", actor.user, actor.tenant, lock)
            raise WrongPin(_WRONG_LOCKED, minutes=lock, seconds=lock * 60) from None
        raise WrongPin(_WRONG, left=FREE_FAILURES + 1 - failures) from None
    async with rows.of_tenant(store.pool, actor.tenant) as connection:
        await connection.execute(
            "update signing_key set failures = 0, locked_until = null where key_id = $1", key["key_id"]
        )
    return signer


async def _count_guess(store: Store, tenant: int, key_id: str, now: datetime) -> tuple[int, int]:
    """Count this guess as a failure before it is tried; (failures with it, minutes of the lock if it fails)."""
    async with rows.of_tenant(store.pool, tenant) as connection:
        row = await connection.fetchrow(
            "select failures, locked_until from signing_key where key_id = $1 for update", key_id
        )
        if row["locked_until"] is not None and row["locked_until"] > now:
            seconds = max(1, int((row["locked_until"] - now).total_seconds()))
            raise WrongPin(_LOCKED, minutes=-(-seconds // 60), seconds=seconds)
        failures = row["failures"] + 1
        lock = lock_minutes(failures)
        await connection.execute(
            "update signing_key set failures = $2, locked_until = $3 where key_id = $1",
            *(key_id, failures, now + timedelta(minutes=lock) if lock else None),
        )
    return failures, lock


def lock_minutes(failures: int) -> int:
    """How long a key is locked after this many wrong PINs in a row."""
    return 0 if failures <= FREE_FAILURES else LOCK_MINUTES[min(failures - FREE_FAILURES, len(LOCK_MINUTES)) - 1]


def _check_valid(key: asyncpg.Record | None, now: datetime) -> None:
    if key is None or not certificates.is_valid_at(key["certificate"], now):
        raise NoKey(_NO_KEY)


async def _active(store: Store, tenant: int, login: str) -> asyncpg.Record | None:
    async with rows.of_tenant(store.pool, tenant) as connection:
        return await connection.fetchrow(
            "select key_id, certificate, sealed, salt from signing_key where login = $1 and state = 'active'", login
        )


async def _signer(
    store: Store, tenant: int, login: str, key: asyncpg.Record, who: dict[str, str], sealed: bytes, under: bytes
) -> NodeSigner:
    private = certificates.unseal(sealed, under, label=_label(tenant, login, key["key_id"]))
    if private is None:
        raise PinNeeded(_PIN_NEEDED)
    authority = await _authority_row(store, tenant)
    chain = (authority["certificate"],) if authority else ()
    return NodeSigner(tenant, login, who, key["key_id"], key["certificate"], chain, private)


def _who(actor: Actor) -> dict[str, str]:
    display = {"display": actor.display or actor.user}
    return {"reference": actor.reference, **display} if actor.reference else display


def _label(tenant: int, login: str, key_id: str) -> str:
    return f"{tenant} {login} {key_id}"


def _hash(session_key: bytes) -> bytes:
    return hashlib.sha256(session_key).digest()


@dataclass(frozen=True)
class KnownKey:
    """A key that this node issued. withdrawn_at: None while it may sign."""

    key_id: str
    login: str
    certificate: bytes
    issued_at: datetime
    withdrawn_at: datetime | None


async def known(store: Store, tenant: int, key_id: str) -> KnownKey | None:
    """The key of this id if it was issued here, also a withdrawn one."""
    async with rows.of_tenant(store.pool, tenant) as connection:
        row = await connection.fetchrow(
            "select key_id, login, certificate, issued_at, withdrawn_at from signing_key where key_id = $1", key_id
        )
    return KnownKey(**row) if row else None


async def of_person(store: Store, tenant: int, login: str) -> list[KnownKey]:
    """All keys that a person has had, the newest first."""
    async with rows.of_tenant(store.pool, tenant) as connection:
        found = await connection.fetch(
            """select key_id, login, certificate, issued_at, withdrawn_at from signing_key
               where login = $1 order by issued_at desc, key_id""",
            login,
        )
    return [KnownKey(**row) for row in found]

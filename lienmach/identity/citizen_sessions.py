"""Citizens: a code by short message and a birth date -> a session that sees one person only.

    cookie = await citizen_sessions.ask(pool, tenant, phone=…, birth=…, address=…, now=now)   # the job of this request
    code = await citizen_sessions.new_code()                                                  # … sends the code
    proven = await citizen_sessions.check_code(pool, tenant, cookie, typed, now)
    cookie = await citizen_sessions.open_session(pool, tenant, proven, patient_id, display, now)

Nothing tells whether somebody exists: a request is one row and one job, whoever is named; a wrong code and a request
without a code answer alike and take as long. Limits, counted in the database so that all processes agree:

    codes asked for a phone          3 an hour         life of a code                5 minutes, 5 tries
    codes asked from an address     10 an hour         session          20 minutes idle, 4 hours in all

A code works in the browser that asked for it only, and once.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from lienmach.base import ids, jobs
from lienmach.base.actor import Actor
from lienmach.base.errors import TooMany, Unauthenticated
from lienmach.identity import passwords, roles, rows

CODE_LIFE = timedelta(minutes=5)
TRIES_MAX = 5
PHONE_MAX = 3
ADDRESS_MAX = 10
WINDOW = timedelta(hours=1)
IDLE = timedelta(minutes=20)
ABSOLUTE = timedelta(hours=4)
JOB = "citizen.code"
_TOUCH = timedelta(minutes=1)
_CODE_DIGITS = 6
_LOCKS = 0x6369  # first key of the advisory locks that put requests of one phone or address in line


class CodeOver(Unauthenticated):
    """The code is too old, used, or was guessed at too often: a new one must be asked for."""


@dataclass(frozen=True)
class Request:
    """What was asked for: a phone and a birth date (FHIR text). has_code: a code was sent."""

    request_id: str
    phone: str
    birth: str
    asked_at: datetime
    has_code: bool

    def until(self) -> datetime:
        """When its code is over."""
        return self.asked_at + CODE_LIFE


@dataclass(frozen=True)
class Proven:
    """A request whose code was right. patients: ids of the Patients whose record it may open, at least one."""

    cookie: str
    patients: tuple[str, ...]


@dataclass(frozen=True)
class Session:
    """A living session of a citizen. csrf: 32 bytes, masked anew for each page. cookie: the secret itself."""

    cookie: str
    tenant: int
    facility: str
    patient: str
    display: str
    csrf: bytes
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime

    def actor(self, address: str) -> Actor:
        """The actor that this session stands for: a Patient who sees what is about them."""
        return Actor(
            self.tenant,
            f"citizen/{self.patient}",
            frozenset({roles.CITIZEN}),
            roles.ROLES[roles.CITIZEN].purpose,
            self.display,
            f"Patient/{self.patient}",
            address,
        )


# -------------------------------------------------------------------------------------------------------- the code


async def ask(pool: asyncpg.Pool, tenant: int, *, phone: str, birth: str, address: str, now: datetime) -> str:
    """Ask for a code and return the cookie of the browser that may use it; the job JOB sends the code.

    phone: compact. birth: FHIR date. Raises TooMany for a phone or an address that has asked too often.
    """
    cookie, hashed = rows.new_secret()
    request_id = ids.new_id()
    async with rows.of_tenant(pool, tenant) as connection:
        for word in sorted({f"address|{address}", f"phone|{phone}"}):
            await connection.execute("select pg_advisory_xact_lock($1, hashtext($2))", _LOCKS, f"{tenant}|{word}")
        await connection.execute(
            "delete from citizen_request where tenant = $1 and asked_at < $2", tenant, now - WINDOW
        )
        row = await connection.fetchrow(
            """select count(*) filter (where phone = $2) as of_phone, count(*) filter (where address = $3) as of_address,
                      min(asked_at) filter (where phone = $2 or address = $3) as first_at
               from citizen_request where tenant = $1 and asked_at >= $4""",
            tenant, phone, address, now - WINDOW,
        )  # fmt: skip
        if row["of_phone"] >= PHONE_MAX or row["of_address"] >= ADDRESS_MAX:
            left = row["first_at"] + WINDOW - now
            raise TooMany("too many codes were asked for", seconds=max(1, int(left.total_seconds())))
        await connection.execute(
            """insert into citizen_request (tenant, token_hash, request_id, phone, birth, address, asked_at)
               values ($1, $2, $3, $4, $5, $6, $7)""",
            tenant, hashed, request_id, phone, birth, address, now,
        )  # fmt: skip
        await jobs.queue(connection, tenant, [jobs.JobRow(JOB, {"request": request_id}, attempts_max=3)])
    return cookie


async def forget(pool: asyncpg.Pool, tenant: int, cookie: str, now: datetime) -> None:
    """End the request of this browser, if it has one: its code does not work any more. It still counts."""
    async with rows.of_tenant(pool, tenant) as connection:
        await connection.execute(
            "update citizen_request set ended_at = $3 where tenant = $1 and token_hash = $2 and ended_at is null",
            tenant, rows.digest(cookie), now,
        )  # fmt: skip


async def asked(pool: asyncpg.Pool, tenant: int, request_id: str) -> Request | None:
    """The request that a job names, unless it has ended."""
    async with rows.of_tenant(pool, tenant) as connection:
        row = await connection.fetchrow(
            """select request_id, phone, birth, asked_at, code_hash is not null as has_code from citizen_request
               where tenant = $1 and request_id = $2 and ended_at is null""",
            tenant, request_id,
        )  # fmt: skip
    return Request(**row) if row else None


async def new_code() -> tuple[str, str]:
    """(six random digits, the argon2id text under which they are kept)."""
    code = f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}d}"
    return code, await passwords.hash_password(code)


async def keep_code(
    connection: asyncpg.Connection, tenant: int, request_id: str, code_hash: str, patients: list[str]
) -> bool:
    """Keep the code of a request on the connection that queues its message; whether it was the first one."""
    return bool(
        await connection.fetchval(
            """update citizen_request set code_hash = $3, patients = $4
               where tenant = $1 and request_id = $2 and code_hash is null and ended_at is null returning true""",
            tenant, request_id, code_hash, patients,
        )
    )  # fmt: skip


async def check_code(pool: asyncpg.Pool, tenant: int, cookie: str, code: str, now: datetime) -> Proven:
    """Prove a request by its code. Raises Unauthenticated for a wrong one, CodeOver if there is nothing to prove.

    The try is counted before the code is compared, so that guesses sent all at once count too.
    """
    hashed = rows.digest(cookie)
    async with rows.of_tenant(pool, tenant) as connection:
        row = await connection.fetchrow(
            """update citizen_request set tries = tries + 1
               where tenant = $1 and token_hash = $2 and ended_at is null and proven_at is null and tries < $3
                 and asked_at > $4 returning code_hash, patients, tries""",
            tenant, hashed, TRIES_MAX, now - CODE_LIFE,
        )  # fmt: skip
    if row is None:
        raise CodeOver("this code is over; ask for a new one")
    if not await passwords.matches(row["code_hash"], "".join(code.split())):
        raise (CodeOver if row["tries"] >= TRIES_MAX else Unauthenticated)("this is not the code")
    async with rows.of_tenant(pool, tenant) as connection:
        is_first = await connection.fetchval(
            """update citizen_request set proven_at = $3
               where tenant = $1 and token_hash = $2 and proven_at is null and ended_at is null returning true""",
            tenant, hashed, now,
        )  # fmt: skip
    if not is_first:
        raise CodeOver("this code was used; ask for a new one")
    return Proven(cookie, tuple(row["patients"]))


async def proven(pool: asyncpg.Pool, tenant: int, cookie: str, now: datetime) -> Proven | None:
    """What this browser has proven and not used yet, within the life of a code; for the choice between twins."""
    async with rows.of_tenant(pool, tenant) as connection:
        row = await connection.fetchrow(
            """select patients from citizen_request where tenant = $1 and token_hash = $2 and ended_at is null
               and proven_at > $3""",
            tenant, rows.digest(cookie), now - CODE_LIFE,
        )  # fmt: skip
    return Proven(cookie, tuple(row["patients"])) if row else None


# ----------------------------------------------------------------------------------------------------- the session


async def open_session(
    pool: asyncpg.Pool, tenant: int, found: Proven, patient_id: str, display: str, now: datetime
) -> str:
    """Start a session for one of the people of a proven request, and return its cookie: always a new secret.

    Raises CodeOver if the request was used meanwhile, or does not open this record.
    """
    cookie, hashed = rows.new_secret()
    async with rows.of_tenant(pool, tenant) as connection:
        used = await connection.fetchval(
            """update citizen_request set ended_at = $4 where tenant = $1 and token_hash = $2 and ended_at is null
               and proven_at > $5 and $3 = any(patients) returning true""",
            tenant, rows.digest(found.cookie), patient_id, now, now - CODE_LIFE,
        )  # fmt: skip
        if not used:
            raise CodeOver("this code was used; ask for a new one")
        await connection.execute(
            "delete from citizen_session where tenant = $1 and (expires_at <= $2 or last_seen_at <= $3)",
            tenant, now, now - IDLE,
        )  # fmt: skip
        await connection.execute(
            """insert into citizen_session (token_hash, tenant, patient, display, csrf, created_at, last_seen_at,
                                            expires_at) values ($1, $2, $3, $4, $5, $6, $6, $7)""",
            hashed, tenant, patient_id, display, secrets.token_bytes(32), now, now + ABSOLUTE,
        )  # fmt: skip
    return cookie


async def find(pool: asyncpg.Pool, cookie: str, now: datetime) -> Session | None:
    """The living session of a cookie, or None; notes that it was used."""
    if not 40 <= len(cookie) <= 60:
        return None
    row = await pool.fetchrow("select * from citizen_session_by_hash($1)", rows.digest(cookie))
    if row is None or now >= row["expires_at"] or now >= row["last_seen_at"] + IDLE:
        return None
    session = Session(**{**row, "cookie": cookie})
    if now >= session.last_seen_at + _TOUCH:
        async with rows.of_tenant(pool, session.tenant) as connection:
            await connection.execute(
                "update citizen_session set last_seen_at = $2 where token_hash = $1", rows.digest(cookie), now
            )
    return session


async def end_of_patient(
    connection: asyncpg.Connection, tenant: int, patient_id: str, now: datetime, *, phones: Collection[str] = ()
) -> None:
    """End all sessions of a person, and the codes that could still open one, on the connection of what takes effect.

    phones: compact ones, which open this record no more; a request of one of them may have looked already for whom to
    open, without its code being kept yet.
    """
    is_any = await connection.fetchval(
        """select exists (select from citizen_request where tenant = $1 and ended_at is null
                          and ($2 = any(patients) or phone = any($3)))
               or exists (select from citizen_session where tenant = $1 and patient = $2)""",
        tenant, patient_id, list(phones),
    )  # fmt: skip
    if not is_any:  # as of most people at most times
        return
    # The requests first: whoever is opening a session by one of them holds its row, and is waited for.
    await connection.execute(
        """update citizen_request set ended_at = $4
           where tenant = $1 and ($2 = any(patients) or phone = any($3)) and ended_at is null""",
        tenant, patient_id, list(phones), now,
    )  # fmt: skip
    await connection.execute("delete from citizen_session where tenant = $1 and patient = $2", tenant, patient_id)


async def close(pool: asyncpg.Pool, session: Session) -> None:
    """End a session; ending it twice is no error."""
    async with rows.of_tenant(pool, session.tenant) as connection:
        await connection.execute("delete from citizen_session where token_hash = $1", rows.digest(session.cookie))

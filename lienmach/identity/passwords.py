"""Passwords: argon2id hashes, made and checked off the event loop (each takes tens of milliseconds).

Parameters: OWASP Password Storage Cheat Sheet, Argon2id, first row (46 MiB, 1 pass, 1 lane): strong by memory,
cheap enough for a commune station's old PC at eight in the morning.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN = 10
LENGTH_MAX = 200

_HASHER = PasswordHasher(time_cost=1, memory_cost=46 * 1024, parallelism=1)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    # Two at a time: more would only take the memory and the cores from the pages of others.
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")


@lru_cache(maxsize=1)
def _nobody() -> str:
    # Checked when there is no such account, so that an unknown login takes as long as a known one.
    return _HASHER.hash(secrets.token_hex(16))


async def hash_password(password: str) -> str:
    """Return the argon2id text of a password."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), _HASHER.hash, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one of this hash; with None it is no, after the same work."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), _matches, password_hash, password)


def _matches(password_hash: str | None, password: str) -> bool:
    try:
        right = _HASHER.verify(password_hash or _nobody(), password[:LENGTH_MAX])
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None


def faults(password: str, login: str) -> str:
    """The first rule that a new password breaks, as a key of `web/words`, or "" (NIST SP 800-63B 5.1.1: length first)."""
    if len(password) < LENGTH_MIN:
        return "Mật khẩu cần ít nhất 10 ký tự. Một câu ngắn dễ nhớ là tốt nhất."
    if len(password) > LENGTH_MAX:
        return "Mật khẩu dài quá 200 ký tự."
    if login.casefold() in password.casefold() or len(set(password)) < 5:
        return "Mật khẩu quá dễ đoán: không dùng tên đăng nhập hoặc lặp một vài ký tự."
    return ""

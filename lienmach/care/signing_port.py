"""The port by which everything is signed: a Signer, and what can go wrong before there is one.

Keys that the node keeps for its people (signing_keys.py) are the first kind behind it. A token at the desk, a remote
authority that waits for the holder's telephone (Cloud Signature Consortium API) and a hospital's HSM are other kinds:
`sign` is awaited, so it may take as long as the holder needs, and it never sees more than the bytes to be signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from lienmach.base import errors

ES256 = "ES256"


class Signer(Protocol):
    """Somebody who can sign now: one person, or the facility."""

    @property
    def tenant(self) -> int: ...

    @property
    def login(self) -> str:
        """The account whose key it is; "" for the facility's."""

    @property
    def who(self) -> dict[str, str]:
        """A FHIR Reference to the person or facility."""

    @property
    def key_id(self) -> str: ...

    @property
    def certificate(self) -> bytes:
        """DER."""

    @property
    def chain(self) -> Sequence[bytes]:
        """DER of the certificates above it, the root last."""

    async def sign(self, data: bytes, *, algorithm: str = ES256) -> bytes:
        """A signature over `data` in the form of JSON Web Algorithms (RFC 7518 section 3.4: r and s, 64 bytes).

        Raises errors.Unavailable if the key cannot be used now, ValueError for an algorithm that it does not have.
        """


@dataclass(frozen=True)
class SigningState:
    """What a form that will be signed shows (`parts.pin_field`). fault: a sentence about the last attempt, or ""."""

    has_key: bool
    is_unlocked: bool
    until_at: datetime | None = None
    fault: str = ""


class SigningRefused(errors.Refused):
    """No signature came about. key: a key of `web/words`; values: its places; text: filled, in Vietnamese."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key.format(**values))
        self.key = key
        self.values = values


class NoKey(SigningRefused):
    """The person has no key that may sign."""


class PinNeeded(SigningRefused):
    """The key is there but not unlocked in this session."""


class WrongPin(SigningRefused):
    """The PIN was wrong, or the key is locked after wrong ones. seconds: how long it stays locked, 0 if it is not."""

    def __init__(self, key: str, *, seconds: int = 0, **values: Any) -> None:
        super().__init__(key, **values)
        self.seconds = seconds

"""What of the insurance desk somebody may do: a page shows no door that stays shut."""

from __future__ import annotations

from dataclasses import dataclass

from lienmach.base.actor import Actor
from lienmach.identity import roles


@dataclass(frozen=True)
class Rights:
    """statements: close them. claims, manage: see claims, and send, answer and book them. card: ask the portal."""

    statements: bool
    claims: bool
    manage: bool
    card: bool


def of(actor: Actor) -> Rights:
    """The rights of an actor here."""
    return Rights(
        roles.may(actor, "statements.close"),
        roles.may(actor, "claims.read"),
        roles.may(actor, "claims.manage"),
        roles.may(actor, "insurance.check"),
    )

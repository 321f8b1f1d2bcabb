"""What goes wrong between the record and its database, as failures in our own words; both doors ask here."""

from __future__ import annotations

import logging

import asyncpg

from lienmach.base import errors
from lienmach.record import committer

_log = logging.getLogger(__name__)
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver says between PostgreSQL's last words and the connection's end
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    OSError,
)
UNSTORABLE = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
KINDS = (committer.Changed, *_AWAY, *UNSTORABLE)
"""The exceptions that `failure_of` knows."""


def failure_of(error: Exception) -> errors.Failure | None:
    """The failure that stands for an exception of the database or of the record; None for a fault of ours."""
    if isinstance(error, errors.Failure):
        return error
    if isinstance(error, asyncpg.QueryCanceledError):
        _log.warning("the database cancelled a statement: %s", error)
        if "statement timeout" in str(error):
            return errors.TooLarge("This took longer than the limit; narrow what you ask for.")
        # Cancelled by another's hand or while the database restarts: the one who asked need not ask for less.
        return errors.Unavailable("The database is restarting or has no room; try again in a moment.")
    if isinstance(error, committer.Changed):
        return errors.Conflict("Others keep changing this; read it again and try once more.")
    if isinstance(error, UNSTORABLE):
        return errors.Invalid("A character in it cannot be stored, such as NUL; leave it out.")
    if isinstance(error, _AWAY):
        _log.warning("the database went away or has no room: %s", type(error).__name__)
        return errors.Unavailable("The database is restarting or has no room; try again in a moment.")
    return None

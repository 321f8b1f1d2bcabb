"""Frames: what thousands of audit events have in common in the search index, written once.

An AuditEvent has some forty search terms; all but those of its persons come from its frame: who acted, in which
role, from where, how. The terms of a frame stand once in table `frame` (its strings in `frame_str`), and each
event carries the frame's own number as one term. A search on AuditEvent first asks which frames have the terms
wanted (`matching`) and then looks for events with those terms or those frames. Without frames an audited read costs
twice as much in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lienmach.record.index import terms
from lienmach.record.index.condition import Condition
from lienmach.record.index.rows import IndexRows

TYPE = "AuditEvent"


@dataclass(frozen=True, slots=True)
class Frame:
    """number: its term. terms: those that an event of this frame has by it. strings: (param, norm, exact)."""

    number: int
    terms: tuple[int, ...]
    strings: tuple[tuple[int, str, str], ...]


def frame_of(seed: int, rows: IndexRows, own: Iterable[int]) -> Frame:
    """The frame of an event with these index rows. own: the terms that are the event's alone."""
    shared = tuple(sorted(set(rows.terms) - set(own)))
    strings = tuple(sorted((param, norm, exact) for param, norm, exact, _ in rows.str))
    return Frame(terms.term(seed, f"frame|{shared}|{strings}"), shared, strings)


async def matching(tx: Any, condition: Condition) -> tuple[int, ...]:
    """The numbers of the frames that meet `condition` by their terms or strings, before any `negate`."""
    args: list[Any] = [tx.tenant.number]
    if condition.side is None:
        args.append(condition.terms)
        found = await tx.fetch("select frame from frame where tenant = $1 and terms && $2::bigint[]", *args)
    elif condition.side.table == "str":
        sql = condition.side.sql("s", args)
        args.append(condition.side.params)
        found = await tx.fetch(
            f"select distinct s.frame from frame_str s where s.tenant = $1 and {sql} "
            f"and s.param = any(${len(args)}::int[])",
            *args,
        )
    else:
        return ()
    return tuple(row["frame"] for row in found)

"""Find people as they are asked for at a desk: one statement over the names and the private terms.

Each way of being found (a number, its last four, a phone, initials, words of the name, a birth date) is one
bounded branch: it starts at one place of one index and stops at its own limit, so that "nguyen" among a
million people reads a thousand rows and not four hundred thousand. What a text means is decided in
`care/people_search.py`; what is written is decided in `record/index/private.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lienmach.base import errors
from lienmach.record import access, sql
from lienmach.record.change import Stored
from lienmach.record.index import private
from lienmach.record.transaction import Transaction

_NAME_ROWS_MAX = 1000
_SPELLED_ROWS_MAX = 300  # each of these is looked at once more, for how the whole name is spelled
_BEHIND_EVERYTHING = "\U0010ffff"


@dataclass(frozen=True)
class Term:
    """People with one private term (kinds: record/index/private.py). rank: smaller comes first.

    also: further values of the same kind that they must have. lo, hi: the birth date's low edge must lie in
    [lo, hi), or None.
    """

    kind: str
    value: str
    why: str
    rank: int
    also: tuple[str, ...] = ()
    lo: datetime | None = None
    hi: datetime | None = None


@dataclass(frozen=True)
class Words:
    """People with these folded words side by side in their name. spellings: case variants of the text as typed,
    diacritics included; among the rows read, names that hold one of them go before those that only fold to it.
    Ranks: `rank` whole words, 2 more for a beginning of a word, 4 more for other diacritics."""

    phrase: str
    spellings: tuple[str, ...]
    why: str
    rank: int


@dataclass(frozen=True)
class Born:
    """People whose birth date begins in [lo, hi), aware datetimes in the tenant's zone."""

    lo: datetime
    hi: datetime
    why: str
    rank: int


@dataclass(frozen=True)
class Hit:
    """stored: the current Patient. rank, why: of the best branch that found it."""

    stored: Stored
    rank: int
    why: str


async def find(tx: Transaction, branches: Sequence[Term | Words | Born], *, limit: int = 50) -> list[Hit]:
    """People found by any branch, best first, newest registered first among equals; each once.

    Raises errors.Refused if the actor may not read Patient. Shows nobody: the caller tells tx what its page shows.
    """
    access.check(tx, "read", "Patient")
    if tx.policy.person is not None:
        raise errors.Refused("Your role may not look for people.")
    if not branches:
        return []
    text = sql.Text(tx.tenant.number)
    queries = [_branch(tx, text, branch, number, limit) for number, branch in enumerate(branches)]
    most = text.bind(limit)
    type_number = text.bind(tx.definitions.type_number("Patient"), "smallint")
    visible = access.visible(tx, "ix", text.args)
    # A branch's limit comes before `visible`; the first policy sees all rows of a type or none, so none is lost.
    statement = (
        f"with u as ({' union all '.join(queries)}), "
        "c as (select distinct on (rid) rid, rank, n from u order by rid, rank, n), "
        f"m as (select c.rank, c.n, ix.rid, ix.seq from c {sql.index_row('c')} "
        f"where ix.type = {type_number} and {visible} order by c.rank, c.rid desc limit {most}) "
        + sql.bodies("m.rank, m.n", "m.rank, m.rid desc")
    )
    found = []
    for row in await tx.fetch(statement, *text.args):
        stored = Stored(
            "Patient",
            row["id"],
            row["version_id"],
            row["at"],
            row["body"],
            row["op"].decode(),
            row["patient"],
            row["seq"],
            row["rid"],
        )
        found.append(Hit(stored, row["rank"], branches[row["n"]].why))
    return found


def _branch(tx: Transaction, text: sql.Text, branch: Term | Words | Born, number: int, limit: int) -> str:
    """A parenthesised query giving (rid, rank, n)."""
    if isinstance(branch, Term):
        query = _term(tx, text, branch, limit)
    elif isinstance(branch, Words):
        query = _words(tx, text, branch, limit)
    else:
        query = _born(tx, text, branch, limit)
    rank = f"{int(branch.rank)} + b.worse" if isinstance(branch, Words) else str(int(branch.rank))
    return f"(select b.rid, {rank} as rank, {int(number)} as n from ({query}) b)"


def _term(tx: Transaction, text: sql.Text, branch: Term, limit: int) -> str:
    one, *more = (
        "post p where p.tenant = $1 and p.term = "
        + text.bind(private.term_of(tx.tenant.term_seed, branch.kind, value), "bigint")
        for value in (branch.value, *branch.also)
    )
    born = ""
    if branch.lo is not None:
        born = (
            "exists (select from dat d where d.tenant = $1 and d.rid = p.rid and "
            f"d.type = {text.bind(tx.definitions.type_number('Patient'), 'smallint')} and "
            f"d.param = {text.bind(_number(tx, 'birthdate'), 'int')} and "
            f"d.lo >= {text.bind(branch.lo)} and d.lo < {text.bind(branch.hi)})"
        )
    most = text.bind(limit)
    if not more:
        return f"select p.rid from {one}{' and ' + born if born else ''} order by p.d1 desc, p.rid desc limit {most}"
    # INTERSECT hashes each posting list once, whatever the planner believes about their lengths.
    both = " intersect ".join(f"select p.rid from {each}" for each in (one, *more))
    return f"select p.rid from ({both}) p{' where ' + born if born else ''} order by p.rid desc limit {most}"


def _words(tx: Transaction, text: sql.Text, branch: Words, limit: int) -> str:
    low, high, key = _prefix(tx, text, branch.phrase)
    rows_max = _SPELLED_ROWS_MAX if branch.spellings else _NAME_ROWS_MAX
    # In the order of the index: first the people whose name ends with the words, then longer tails, then prefixes.
    rows = (
        f"select s.rid, s.norm from str s where s.tenant = $1 and {key} and s.norm >= {low} "
        f"and s.norm < {high} order by s.norm, s.rid limit {int(rows_max)}"
    )
    whole = text.bind(branch.phrase + " ")
    worse = f"(not starts_with(s.norm || ' ', {whole}))::int * 2"
    if branch.spellings:
        # Tails of names carry no spelling of their own; the row of the whole name does.
        spelled = " or ".join(f"strpos(w.exact, {text.bind(one)}) > 0" for one in branch.spellings)
        worse = (
            f"(not exists (select from str w where w.tenant = $1 and w.rid = s.rid and w.exact <> '' and "
            f"({spelled}) offset 0))::int * 4 + {worse}"
        )
    return f"select s.rid, {worse} as worse from ({rows}) s order by 2, s.norm, s.rid desc limit {text.bind(2 * limit)}"


def _born(tx: Transaction, text: sql.Text, branch: Born, limit: int) -> str:
    return (
        "select d.rid from dat d where d.tenant = $1 and "
        f"d.type = {text.bind(tx.definitions.type_number('Patient'), 'smallint')} and "
        f"d.param = {text.bind(_number(tx, 'birthdate'), 'int')} and d.lo >= {text.bind(branch.lo)} and "
        f"d.lo < {text.bind(branch.hi)} order by d.lo, d.rid limit {text.bind(limit)}"
    )


def _prefix(tx: Transaction, text: sql.Text, phrase: str) -> tuple[str, str, str]:
    """(low, high, condition on type and param) of the name's suffixes that begin with a folded phrase."""
    key = (
        f"s.type = {text.bind(tx.definitions.type_number('Patient'), 'smallint')} and "
        f"s.param = {text.bind(_number(tx, 'name'), 'int')}"
    )
    return text.bind(phrase), text.bind(phrase + _BEHIND_EVERYTHING), key


def _number(tx: Transaction, code: str) -> int:
    number: int = tx.parameters.of("Patient")[code].number
    return number

"""Tables and statements keep the tenant's walls: in every key, in every statement, behind every forgotten predicate.

The first half reads the source, the second half asks PostgreSQL what the migrations made.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import asyncpg

from tests.house import source

#: Tables of the record that hold rows of all tenants.
TABLES = "version|resource|ix|post|str|dat|num|ledger|frame|frame_str|import_mark"
_JOINED = re.compile(
    r"\bselect\b.+\bfrom\b|\binsert into\b|\bupdate \w+ .*\bset\b|\bdelete from\b", re.IGNORECASE | re.DOTALL
)
_READS = re.compile(rf"\b(?:from|join|update|into) (?:{TABLES})\b")
#: file outside record/ that joins SQL text -> why.
JOINERS = {
    "commands/export.py": "puts access.visible into its two statements",
    **dict.fromkeys(
        ("care/queue.py", "care/queue_lines.py", "care/outbox.py"),
        "puts the constant list of its own table's columns into its statements",
    ),
    "care/money/accounts.py": "puts the constant conditions that are asked for into its list: with all of them no index fits",
    "care/money/einvoices.py": "reads one constant comparison of its own in two statements",
}
#: What a statement's text may never be made of; such things are bound as values.
_FROM_OUTSIDE = frozenset({"request", "form", "resource", "actor", "headers", "cookies", "login"})

#: index -> why it is unique across tenants.
ACROSS_TENANTS = {
    "tenant_pkey": "it is the list of tenants",
    "tenant_slug_key": "a slug names a tenant on this node",
    "job_pkey": "a number that the database gives; a job tells nobody its number",
    "session_pkey": "the hash of 256 random bits, looked up before the tenant is known",
    "citizen_session_pkey": "the hash of 256 random bits, looked up before the tenant is known",
    "token_pkey": "the hash of 256 random bits, looked up before the tenant is known",
    "setup_link_pkey": "the hash of 256 random bits, looked up before the tenant is known",
}
#: table -> why row-level security does not stand behind it.
OPEN_TABLES = {"tenant": "the list of tenants, which the server reads before it serves any"}


def _texts(module: source.Module) -> Iterator[tuple[str, int, list[ast.expr]]]:
    """(constant text, line, expressions put into it) of every string of a file."""
    inside: set[int] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(id(value) for value in node.values)
            text = "".join(str(value.value) if isinstance(value, ast.Constant) else "{}" for value in node.values)
            yield text, node.lineno, [value.value for value in node.values if isinstance(value, ast.FormattedValue)]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value, node.lineno, []


def test_sql_is_joined_in_the_record_only() -> None:
    wrong = []
    for module in source.modules().values():
        if module.room == "record" or module.place in JOINERS:
            continue
        wrong += [
            f"{module.file}:{line}"
            for text, line, values in _texts(module)
            if (values or re.search(r"\{\w+\}", text)) and _JOINED.search(text)
        ]
    assert not wrong, source.report("Bind values ($1); only record/ joins text, from names of its own:", wrong)


def test_nothing_from_outside_becomes_sql_text() -> None:
    wrong = []
    for module in source.modules().values():
        for text, line, values in _texts(module):
            if values and _JOINED.search(text):
                for value in values:
                    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
                    names |= {node.attr for node in ast.walk(value) if isinstance(node, ast.Attribute)}
                    if names & _FROM_OUTSIDE and "bind" not in names:
                        wrong.append(f"{module.file}:{line} {{{ast.unparse(value)[:60]}}}")
    assert not wrong, source.report("Bind it as a value:", wrong)


def test_every_whole_statement_on_the_record_names_the_tenant() -> None:
    """A statement that is put together gets its predicate from `access.visible`; one that is written out says it."""
    wrong = []
    for module in source.modules().values():
        for text, line, values in _texts(module):
            whole = not values and not re.search(r"\{\w*\}", text)
            if (
                whole
                and _READS.search(text)
                and re.search(r"\b(select|update|delete)\b", text)
                and "tenant" not in text
            ):
                wrong.append(f"{module.file}:{line} {' '.join(text.split())[:70]}")
    assert not wrong, source.report("Say `tenant = $1` (row-level security is the backstop, not the wall):", wrong)


# What PostgreSQL has


async def _fetch(url: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


_OF_TENANTS = """
select c.oid, c.relname as name, c.relrowsecurity as guarded,
       exists (select from pg_policy p where p.polrelid = c.oid) as has_policy
from pg_class c
where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
  and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped)
"""


async def test_every_table_of_tenants_stands_behind_row_level_security(owner_url: str) -> None:
    rows = await _fetch(owner_url, _OF_TENANTS)
    assert {"version", "resource", "ix"} <= {row["name"] for row in rows}
    wrong = [
        row["name"] for row in rows if row["name"] not in OPEN_TABLES and not (row["guarded"] and row["has_policy"])
    ]
    assert not wrong, source.report("`enable row level security` and a policy on the tenant for:", wrong)


async def test_every_unique_key_holds_the_tenant(owner_url: str) -> None:
    rows = await _fetch(
        owner_url,
        f"""select i.relname as name, t.name as of_table from ({_OF_TENANTS}) t join pg_index x on x.indrelid = t.oid
            join pg_class i on i.oid = x.indexrelid
            where x.indisunique and not exists (select from pg_attribute a where a.attrelid = t.oid
                  and a.attname = 'tenant' and a.attnum = any(x.indkey::smallint[]))""",
    )
    wrong = [f"{row['name']} of {row['of_table']}" for row in rows if row["name"] not in ACROSS_TENANTS]
    assert not wrong, source.report("A collision with a row that one may not see tells that it is there:", wrong)


async def test_every_index_of_the_record_is_explained(owner_url: str) -> None:
    rows = await _fetch(
        owner_url,
        f"""select i.relname as name from pg_index x join pg_class i on i.oid = x.indexrelid
            join pg_class t on t.oid = x.indrelid
            where t.relname ~ '^({TABLES})$' and not x.indisprimary and t.relnamespace = 'public'::regnamespace""",
    )
    text = (source.ROOT / "docs" / "explanation" / "store.md").read_text(encoding="utf-8")
    real = {row["name"] for row in rows}
    missing = sorted(name for name in real if f"`{name}`" not in text)
    assert not missing, source.report("docs/explanation/store.md does not say what these are for:", missing)
    told = set(re.findall(r"`((?:ix|post|str|dat|num)_[a-z]+)`", text))
    assert not told - real, source.report("docs/explanation/store.md names indexes that are gone:", sorted(told - real))


async def test_the_serving_role_may_not_rewrite_history(owner_url: str) -> None:
    rows = await _fetch(
        owner_url,
        """select has_table_privilege('lienmach_app', 'version', 'update') as changes,
                  has_table_privilege('lienmach_app', 'version', 'delete') as deletes,
                  has_table_privilege('lienmach_app', 'version', 'truncate') as empties,
                  has_table_privilege('lienmach_app', 'resource', 'delete') as forgets""",
    )
    assert not any(rows[0].values()), "The application's role adds versions and nothing else"


async def test_without_a_tenant_there_is_an_error_and_no_row(store_url: str) -> None:
    for table in TABLES.split("|"):
        try:
            found = await _fetch(store_url, f"select * from {table}")
        except asyncpg.PostgresError:
            continue
        raise AssertionError(f"{table} gave {len(found)} rows to nobody; its policy must raise without the setting")

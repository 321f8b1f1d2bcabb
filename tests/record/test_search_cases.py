"""The cases of tests/record/cases/search.yaml: each search parameter type and modifier, just inside and just outside."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import yaml

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.record import search, write

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "search.yaml").read_text())
WARD = yaml.safe_load((Path(__file__).parent / "cases" / "ward.yaml").read_text())
ACTOR = Actor(1, "test", frozenset({"system"}))


async def fill(store, actor: Actor = ACTOR, ward: list[dict] = WARD) -> None:
    async with store.begin(actor) as tx:
        for resource in ward:
            body = json.dumps(resource, ensure_ascii=False).encode()
            await write.update(tx, resource["resourceType"], resource["id"], body)


async def ask(store, text: str, actor: Actor = ACTOR, handling: str = "strict") -> search.Page:
    """`Type?query`, `?query` or `Type/id/Type?query`."""
    path, _, query = text.partition("?")
    parts = path.split("/")
    compartment = (parts[0], parts[1]) if len(parts) == 3 else None
    kind = parts[-1] if parts[-1] not in ("", "*") else None
    async with store.begin(actor) as tx:
        return await search.search(tx, kind, parse_qsl(query), compartment=compartment, handling=handling)


@pytest.mark.parametrize("heading", CASES)
async def test_a_search_finds_exactly_what_the_case_says(store, heading: str) -> None:
    store.base_url = "https://here.test/fhir"
    await fill(store)
    wrong = []
    for query, wanted in CASES[heading]:
        if isinstance(wanted, str):
            with pytest.raises(errors.Failure) as caught:
                await ask(store, query)
                pytest.fail(f"{query} is not refused")
            if type(caught.value).__name__ != wanted:
                wrong.append((query, wanted, repr(caught.value)))
            continue
        try:
            page = await ask(store, query)
        except errors.Failure as error:
            wrong.append((query, wanted, repr(error)))
            continue
        found = sorted(one.id for one in page.matches)
        if found != sorted(wanted) or page.total != len(found) or page.next_cursor is not None:
            wrong.append((query, wanted, found, page.total))
    assert not wrong, "\n".join(map(str, wrong))

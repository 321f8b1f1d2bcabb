"""A template is a program of the facility: it survives upgrades, and it can take nothing and stop nobody."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import paper, paper_press, paper_templates
from lienmach.care.paper_press import Job
from lienmach.record.transaction import Store, Transaction

OWN = "#set page(width: 80mm, height: auto)\nSố của tôi: #data.number"


async def save(store: Store, actor: Actor, source: str, *, after: int = 0, kind: str = "ticket") -> None:
    async def work(tx: Transaction) -> None:
        paper_templates.save(tx, kind, source, after=after, note="thử")

    await store.run(actor, work)


async def rendered(store: Store, actor: Actor, kind: str = "ticket") -> bytes:
    async with store.begin(actor) as tx:
        return await paper.render(tx, kind, paper_templates.sample(kind))


# -- versions


async def test_without_an_own_template_the_built_in_one_prints(store: Store, system: Actor) -> None:
    async with store.begin(system) as tx:
        assert await paper_templates.current(tx, "ticket") == paper_templates.built_in("ticket")
        assert await paper_templates.versions(tx, "ticket") == []


async def test_a_saved_template_prints_and_an_older_one_can_be_restored(store: Store, system: Actor) -> None:
    first = await rendered(store, system)
    await save(store, system, OWN)
    own = await rendered(store, system)
    await save(store, system, OWN + " lần hai", after=1)
    await save(store, system, OWN, after=2)
    assert first != own == await rendered(store, system)
    await save(store, system, "", after=3)
    assert await rendered(store, system) == first
    async with store.begin(system) as tx:
        kept = await paper_templates.versions(tx, "ticket")
        assert [(one.number, one.is_built_in) for one in kept] == [(4, True), (3, False), (2, False), (1, False)]
        assert (await paper_templates.version(tx, "ticket", 2)).source.endswith("lần hai")
        with pytest.raises(errors.NotFound):
            await paper_templates.version(tx, "ticket", 9)


async def test_an_edit_survives_an_upgrade_and_says_that_the_built_in_one_changed(
    store: Store, system: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "#set page(width: 80mm, height: auto)\n#cut-name(data.patient_name, 60)"
    await save(store, system, source)
    before = await rendered(store, system)
    newer = replace(paper_templates.built_in("ticket"), prelude="#let data = none", source="Mẫu mới")
    monkeypatch.setattr(paper_templates, "built_in", lambda kind: newer)
    assert await rendered(store, system) == before
    async with store.begin(system) as tx:
        assert (await paper_templates.versions(tx, "ticket"))[0].is_outdated


async def test_a_template_that_follows_the_built_in_one_is_not_outdated(store: Store, system: Actor) -> None:
    await save(store, system, OWN)
    async with store.begin(system) as tx:
        assert not (await paper_templates.versions(tx, "ticket"))[0].is_outdated


async def test_of_two_who_save_the_same_version_one_reads_why(store: Store, system: Actor) -> None:
    done = await asyncio.gather(
        *(save(store, system, f"{OWN} {number}") for number in range(5)), return_exceptions=True
    )
    assert sum(one is None for one in done) == 1
    assert all(isinstance(one, errors.Conflict) for one in done if one is not None)


async def test_templates_of_another_tenant_do_not_print_here(store: Store, system: Actor, stranger: Actor) -> None:
    before = await rendered(store, stranger)
    await save(store, system, OWN)
    assert await rendered(store, stranger) == before


async def test_a_template_that_fails_on_these_data_gives_way_to_the_built_in_one(
    store: Store, system: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    expected = await rendered(store, system)
    await save(store, system, '#if data.number == "A-123" { panic("nein") }')
    with caplog.at_level(logging.WARNING):
        assert await rendered(store, system) == expected
    assert "ticket" in caplog.text and "Mẫu" not in caplog.text


async def test_a_template_that_is_too_long_is_refused(store: Store, system: Actor) -> None:
    await save(store, system, "a" * paper_templates.SOURCE_CHARACTERS_MAX)
    with pytest.raises(errors.TooLarge):
        await save(store, system, "a" * (paper_templates.SOURCE_CHARACTERS_MAX + 1), after=1)


# -- faults


async def test_a_fault_names_the_line_of_the_editor() -> None:
    with pytest.raises(paper.TemplateFault) as caught:
        await paper.check("ticket", "một\n\n#không-có()\n")
    (fault,) = caught.value.faults
    assert fault.line == 3 and "unknown variable" in fault.text


async def test_a_fault_inside_a_shared_function_names_the_line_that_called_it() -> None:
    with pytest.raises(paper.TemplateFault) as caught:
        await paper.check("ticket", "một\n#cut(5, 3)\n")
    assert caught.value.faults[0].line in (0, 2)


async def test_a_template_that_only_works_with_the_sample_is_refused() -> None:
    with pytest.raises(paper.TemplateFault):
        await paper.check("ticket", "#data.next_steps.at(0)")


# -- what a template may not


@pytest.mark.parametrize(
    "source",
    [
        '#read("/etc/passwd")',
        '#read("../../../../etc/passwd")',
        '#read("/proc/self/environ")',
        '#image("/etc/hostname")',
        '#include "/etc/hosts"',
        '#import "@preview/cetz:0.3.0": *',
        '#import ("@pre" + "view/cetz:0.3.0"): *',
        '#plugin("/usr/lib/libc.so")',
        '#json("/etc/passwd")',
        '#eval("read(\\"/etc/passwd\\")", mode: "code")',
    ],
)
async def test_a_template_reads_no_file_and_fetches_nothing(source: str) -> None:
    with pytest.raises(paper.TemplateFault) as caught:
        await paper.check("ticket", source)
    assert "root:" not in str(caught.value)


async def test_the_child_can_open_nothing_and_knows_nothing_of_this_process() -> None:
    await paper.check("ticket", OWN)
    children = [pid for pid in os.listdir("/proc") if pid.isdecimal() and _is_compiler(pid)]
    assert children
    for pid in children:
        assert set(os.listdir(f"/proc/{pid}/fd")) <= {"0", "1", "2"}
        limits = open(f"/proc/{pid}/limits").read()
        assert "Max open files            3                    3" in limits
        assert "Max file size             0                    0" in limits
        names = {one.partition(b"=")[0] for one in open(f"/proc/{pid}/environ", "rb").read().split(b"\0") if one}
        assert names <= {b"LANG", b"RAYON_NUM_THREADS", b"MALLOC_ARENA_MAX", b"LC_CTYPE"}


def _is_compiler(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as text, open(f"/proc/{pid}/stat") as stat:
            return b"paper_compiler.py" in text.read() and stat.read().rpartition(")")[2].split()[1] == str(os.getpid())
    except OSError:
        return False


@pytest.mark.parametrize(
    "source",
    [
        "#let x = 0\n#while true { x = calc.rem(x + 1, 7) }",
        "#let f(n) = { for i in range(1000000000) { for j in range(1000000000) { let k = i * j } } }\n#f(1)",
        '#let x = "aaaaaaaaaaaaaaaa"\n#for i in range(40) { x = x + x }\n#x.len()',
    ],
)
async def test_a_template_without_an_end_is_stopped_and_the_next_paper_prints(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper_press, "WALL_SECONDS", 2.0)
    with pytest.raises(paper.TemplateFault):
        await paper_press.press().run(Job(source, {}))
    assert (await paper_press.press().run(Job("xin chào", {}))).startswith(b"%PDF")


async def test_too_many_pages_are_refused() -> None:
    with pytest.raises(paper.TemplateFault):
        await paper_press.press().run(Job("#for i in range(3000) { pagebreak() }\n#lorem(300000)", {}))


async def test_a_child_that_is_killed_is_replaced() -> None:
    one = Job("xin chào", {})
    await paper_press.press().run(one)
    for pid in os.listdir("/proc"):
        if pid.isdecimal() and _is_compiler(pid):
            os.kill(int(pid), 9)
    assert (await paper_press.press().run(one)).startswith(b"%PDF")

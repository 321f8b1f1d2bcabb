"""Pages of the noun "department": a month in totals for the health department, no person, no doctor, no small cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base.actor import Actor
from lienmach.care import resources
from lienmach.departments.leaders import day_figures, department_crosses, disclosure, facts, icd_blocks
from lienmach.departments.leaders.department_crosses import CrossTable
from lienmach.departments.leaders.disclosure import Cells
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import places
from lienmach.web import rendering
from lienmach.web.pages import page

_MONTHS_MAX = 60
_TABLES = {
    "day": "Theo ngày",
    "commune": "Theo xã, phường cư trú",
    "chapter": "Theo chương bệnh ICD-10",
    "facility": "Theo cơ sở",
}
_SHARES = {"insured": "Có BHYT", "prescribed": "Có đơn thuốc"}
UNKNOWN = "Chưa rõ"


@dataclass(frozen=True)
class Line:
    """One cell with its name; count: None if it is hidden."""

    code: str
    name: str
    count: int | None


@dataclass(frozen=True)
class MonthTotals:
    """tables: key of the words -> cells, largest first. shares: key of the words -> visits within the total."""

    month: date
    is_running: bool
    total: int | None
    tables: tuple[tuple[str, str, tuple[Line, ...]], ...]
    shares: tuple[tuple[str, int | None], ...]
    hidden: int
    crosses: tuple[CrossTable, ...]


@page("department.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /leaders/department — totals of a `month` (2026-11); the running one if none is asked for."""
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/leaders/department")
        months = await _months(tx)
        return rendering.render(
            request,
            "leaders/department.html",
            months=months,
            totals=await _read(tx, _chosen(tx, request, months)),
            progress=await day_figures.progress(tx),
            least=disclosure.LEAST,
            unknown=UNKNOWN,
            sexes=department_crosses.SEXES,
            bands=facts.BANDS,
        )


@page("department.read")
async def export(request: Request, actor: Actor) -> Response:
    """GET /leaders/department/export — the same cells as the page, hidden ones hidden, as CSV (UTF-8 with a mark)."""
    async with request.app.state.store.begin(actor) as tx:
        tx.access.note("search-type", query="/leaders/department/export")
        totals = await _read(tx, _chosen(tx, request, await _months(tx)))
        out = io.StringIO()
        writer = csv.writer(out)

        def say(words: str) -> str:
            return rendering.text(request, words)

        writer.writerow([say("Tháng"), say("Bảng"), say("Mã"), say("Tên"), say("Lượt khám")])
        month = f"{totals.month:%Y-%m}"
        writer.writerow([month, say("Tổng số"), "", "", _shown(totals.total)])
        for words, count in totals.shares:
            writer.writerow([month, say("Tổng số"), "", say(words), _shown(count)])
        for _, words, lines in totals.tables:
            for one in lines:
                writer.writerow([month, say(words), _safe(one.code), say(_safe(one.name)), _shown(one.count)])
        for table in totals.crosses:
            for code, name in table.lines:
                for column in (one for one in table.columns if one in table.cross.rows[code]):
                    head = [_safe(code), f"{say(_safe(name))}, {_column(column, say)}"]
                    writer.writerow([month, say(table.words), *head, table.cross.rows[code][column]])
    name = f"attachment; filename=lien-mach-{month}.csv"
    return Response("\ufeff" + out.getvalue(), media_type="text/csv", headers={"Content-Disposition": name})


async def _read(tx: Transaction, month: date) -> MonthTotals:
    rows = await tx.fetch(
        "select dimension, code, visits from leaders_month where tenant = $1 and month = $2", tx.tenant.number, month
    )
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row["dimension"], {})[row["code"]] = row["visits"]
    is_running = month >= day_figures.today_of(tx).replace(day=1)
    cells = {name: disclosure.protect(counts.get(name, {}), is_running=is_running) for name in _TABLES}
    whole = sum(counts.get("day", {}).values())
    facilities = await _facilities(tx, counts.get("facility", {}))
    tables = tuple((name, words, _lines(name, cells[name], facilities)) for name, words in _TABLES.items())
    total = cells["day"].total
    shares = tuple(
        (
            words,
            None
            if total is None
            else disclosure.share(counts.get(name, {}).get("yes", 0), whole, is_running=is_running),
        )
        for name, words in _SHARES.items()
    )
    crosses = [
        department_crosses.diseases(
            counts.get(department_crosses.BLOCKS, {}), cells["chapter"].cells, is_running=is_running
        )
    ]
    if whole >= department_crosses.BOTH_LEAST:
        names = {code: _name("commune", code, facilities) for code in counts.get("commune", {})}
        by_age = counts.get(department_crosses.COMMUNES, {})
        communes = department_crosses.communes(by_age, cells["commune"].cells, names, is_running=is_running)
        if not department_crosses.are_tied([*crosses, communes]):
            crosses.append(communes)
    hidden = sum(one.hidden for one in cells.values())
    return MonthTotals(month, is_running, total, tables, shares, hidden, tuple(crosses) if total is not None else ())


def _lines(name: str, cells: Cells, facilities: dict[str, str]) -> tuple[Line, ...]:
    found = [Line(code, _name(name, code, facilities), count) for code, count in cells.cells.items()]
    if name == "day":
        return tuple(sorted(found, key=lambda one: one.code))
    # By name where counts are hidden: the order itself must not tell how many there were.
    return tuple(sorted(found, key=lambda one: (one.count is None, -(one.count or 0), one.name)))


def _name(dimension: str, code: str, facilities: dict[str, str]) -> str:
    if not code:
        return UNKNOWN
    if dimension == "commune":
        commune = places.commune(code)
        return commune.full_name if commune else code
    if dimension == "chapter":
        return icd_blocks.CHAPTERS[code][2] if code in icd_blocks.CHAPTERS else code
    if dimension == "facility":
        return facilities.get(code, code)
    return code


async def _facilities(tx: Transaction, codes: dict[str, int]) -> dict[str, str]:
    found = await resources.read_many(tx, "Organization", codes)
    return {own: str(one.get("name", own)) for own, one in found.items()}


async def _months(tx: Transaction) -> list[date]:
    rows = await tx.fetch(
        "select distinct month from leaders_month where tenant = $1 and dimension = 'day' order by month desc limit $2",
        tx.tenant.number, _MONTHS_MAX,
    )  # fmt: skip
    running = day_figures.today_of(tx).replace(day=1)
    return sorted({row["month"] for row in rows} | {running}, reverse=True)


def _chosen(tx: Transaction, request: Request, months: list[date]) -> date:
    text = request.query_params.get("month", "")
    return next((one for one in months if f"{one:%Y-%m}" == text), months[0])


def _column(column: str, say: Callable[[str], str]) -> str:
    """A column in words: "16-39, Nam"."""
    if column == department_crosses.OTHER:
        return say(UNKNOWN)
    band, _, sex = column.partition("|")
    return f"{band}, {say(department_crosses.SEXES[sex])}" if sex else band


def _shown(count: int | None) -> str:
    return "*" if count is None else str(count)


def _safe(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


ROUTES = (Route("/leaders/department", show), Route("/leaders/department/export", export))

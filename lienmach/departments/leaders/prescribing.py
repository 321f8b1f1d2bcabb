"""Pages of the noun "prescribing": each doctor against peers of like patients, one doctor by disease, the threshold."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.departments.leaders import case_steps, charts, day_figures, day_rows, measures, thresholds
from lienmach.departments.leaders.measures import Monitor
from lienmach.record.transaction import Transaction
from lienmach.web import forms, rendering
from lienmach.web.pages import page

PERIODS = (30, 90, 180, 365)
_PERIOD = 90
_SCALE = 4.0  # the ratio at the right end of a drawn interval
_RATIO, _COUNT = re.compile(r"[0-9]{1,6}([.,][0-9]{1,4})?"), re.compile(r"[0-9]{1,9}|[0-9]{1,3}([.][0-9]{3}){1,2}")
_VISITS_SHOWN = 60


@page("monitor.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /leaders/prescribing — all doctors; with `days` (30, 90, 180, 365) and `measure` what is shown first."""
    return await _index(request, actor)


@page("monitor.decide")
async def approve(request: Request, actor: Actor) -> Response:
    """POST /leaders/prescribing/threshold — set the threshold from today on, with a reason, in one's own name."""
    form = await request.form()
    typed = {name: str(form.get(name, "")).strip()[:500] for name in ("ratio", "visits_min", "reason")}
    try:
        if not _RATIO.fullmatch(typed["ratio"]) or not _COUNT.fullmatch(typed["visits_min"]):
            raise errors.Unprocessable("Tỷ số và số lượt khám phải là số, ví dụ 1,5 và 30.")
        ratio, visits = Decimal(typed["ratio"].replace(",", ".")), int(typed["visits_min"].replace(".", ""))

        async def work(tx: Transaction) -> None:
            thresholds.approve(tx, ratio, visits, typed["reason"])

        await request.app.state.store.run(actor, work)
    except errors.Unprocessable as problem:
        return await _index(request, actor, fault=rendering.sentence(request, problem), typed=typed)
    return RedirectResponse("/leaders/prescribing?approved=1", 303)


@page("monitor.read")
async def show(request: Request, actor: Actor) -> Response:
    """GET /leaders/prescribing/{type}/{id} — one doctor: figures, by disease, the visits behind them."""
    doctor = f"{request.path_params['type']}/{request.path_params['id']}"
    async with request.app.state.store.begin(actor) as tx:
        from_on, to_on, days = period_of(tx, request)
        measure = measure_of(request)
        own = {one.name: await measures.read(tx, one.name, from_on, to_on) for one in measures.MEASURES}
        monitor = own[measure.name]
        if doctor not in monitor.names:
            raise errors.NotFound("Bác sĩ này không có lượt khám nào trong kỳ đã chọn.")
        tx.access.note("search-type", query="/leaders/prescribing")
        cases = [one for one in await case_steps.listed(tx, doctor=doctor) if case_steps.may_see(tx, doctor)]
        return rendering.render(
            request,
            "leaders/prescribing_doctor.html",
            monitor=monitor,
            doctor=doctor,
            days=days,
            measure=measure,
            compared=[(one, own[one.name].of(doctor)) for one in measures.MEASURES],
            may_open="director" in actor.roles and _is_marked(monitor, doctor),
            whisker=whisker_of,
            blocks=await case_steps.blocks(tx, monitor, doctor),
            visits=await visits_of(tx, doctor, from_on, to_on, measure.name),
            cases=cases,
            progress=await day_figures.progress(tx),
        )


def period_of(tx: Transaction, request: Request) -> tuple[date, date, int]:
    """(first day, last day, days) that a request asks about; today is the last."""
    days = read_period(request.query_params.get("days", ""))
    to_on = day_figures.today_of(tx)
    return first_day(to_on, days), to_on, days


def read_period(text: str) -> int:
    """How many days a form or a link asks about: one of PERIODS, whatever is written there."""
    days = forms.read_count(text, most=max(PERIODS))
    return days if days is not None and days in PERIODS else _PERIOD


def first_day(to_on: date, days: int) -> date:
    """The first of so many days that end with this one."""
    return to_on - timedelta(days=days - 1)


def measure_of(request: Request) -> measures.Measure:
    """The measure that a request asks about, injected antibiotics if none."""
    return measures.BY_NAME.get(request.query_params.get("measure", ""), measures.MEASURES[0])


def whisker_of(one: measures.Comparison) -> charts.Whisker | None:
    """The drawn interval of a comparison, None where nothing can be compared."""
    if one.ratio is None or one.low is None or one.high is None:
        return None
    return charts.whisker(one.ratio, one.low, one.high, most=_SCALE)


def _is_marked(monitor: Monitor, doctor: str) -> bool:
    found = monitor.of(doctor)
    return found is not None and monitor.is_marked(found)


async def visits_of(tx: Transaction, doctor: str, from_on: date, to_on: date, measure: str) -> list[day_rows.Row]:
    """Visits of a doctor that count in a measure, newest first."""
    rows = await tx.fetch(
        """select encounter_id, patient_id, begun_at, icd, items, antibiotics, injections, rx_vnd from leaders_visit
           where tenant = $1 and doctor = $2 and day between $3 and $4 and state = 'finished' and items > 0
             and ($5 <> 'injections' or injections > 0) and ($5 <> 'antibiotics' or antibiotics > 0)
           order by day desc, begun_at desc limit $6""",
        tx.tenant.number, doctor, from_on, to_on, measure, _VISITS_SHOWN,
    )  # fmt: skip
    names = await day_rows.names_of(tx, [row["patient_id"] for row in rows])
    counts = (
        ("items", "{count} thuốc"),
        ("antibiotics", "{count} kháng sinh"),
        ("injections", "{count} kháng sinh tiêm"),
    )
    return [
        day_rows.Row(
            names.get(row["patient_id"], "—"), "", row["begun_at"], (row["icd"],), row["rx_vnd"],
            f"/registration/patients/{row['patient_id']}",
            tuple((words, row[name]) for name, words in counts if row[name]), row["encounter_id"],
        )
        for row in rows
    ]  # fmt: skip


async def _index(request: Request, actor: Actor, *, fault: str = "", typed: dict[str, str] | None = None) -> Response:
    async with request.app.state.store.begin(actor) as tx:
        from_on, to_on, days = period_of(tx, request)
        tx.access.note("search-type", query="/leaders/prescribing")
        measure = measure_of(request)
        monitor = await measures.read(tx, measure.name, from_on, to_on)
        proposed = {
            "ratio": str(thresholds.RATIO_PROPOSED), "visits_min": str(thresholds.VISITS_PROPOSED), "reason": ""
        }  # fmt: skip
        return rendering.render(
            request,
            "leaders/prescribing.html",
            status=422 if fault else 200,
            monitor=monitor,
            days=days,
            periods=PERIODS,
            measure=measure,
            all_measures=measures.MEASURES,
            found=monitor.found,
            whisker=whisker_of,
            limit=None
            if monitor.threshold is None
            else charts.whisker(float(monitor.threshold.ratio), 0, 0, most=_SCALE),
            may_decide="director" in actor.roles,
            earlier=await thresholds.listed(tx),
            fault=fault,
            typed=typed or proposed,
            progress=await day_figures.progress(tx),
        )


ROUTES = (
    Route("/leaders/prescribing", index),
    Route("/leaders/prescribing/threshold", approve, methods=["POST"]),
    Route("/leaders/prescribing/{type}/{id}", show),
)

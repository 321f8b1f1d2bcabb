"""Paper: `await paper.render(tx, "prescription", data)` gives the PDF of a ticket, label, order, result, prescription …

What a kind is printed from is shown by `paper/<kind>.sample.json` and docs/reference/paper.md: texts ready to print.
Members that are left out are empty; one that the kind does not have is a mistake of the caller and raises. The same
data and template give the same bytes on the same day. Templates are typst programs of the facility
(paper_templates.py), compiled where there is nothing to take (paper_press.py).
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any

from lienmach.base import errors
from lienmach.care import paper_codes, paper_press, paper_templates
from lienmach.care.paper_press import Fault as Fault
from lienmach.care.paper_press import TemplateFault as TemplateFault
from lienmach.care.paper_templates import KINDS as KINDS
from lienmach.care.paper_templates import Template
from lienmach.record.transaction import Transaction

_log = logging.getLogger(__name__)
ARCHIVE = ("a-2b",)  # PDF/A of ISO 19005-2, level B
TITLES = {
    "ticket": "Phiếu số thứ tự",
    "specimen-label": "Nhãn mẫu xét nghiệm",
    "order": "Phiếu chỉ định",
    "result": "Phiếu kết quả",
    "prescription": "Đơn thuốc",
    "visit-summary": "Phiếu tóm tắt lần khám",
    "referral": "Phiếu chuyển cơ sở",
    "appointment-slip": "Phiếu hẹn khám lại",
    "sick-leave": "Giấy nghỉ việc hưởng BHXH",
    "receipt": "Biên lai thu tiền",
    "deposit-slip": "Phiếu thu tạm ứng",
    "refund-slip": "Phiếu hoàn tiền",
    "invoice": "Hoá đơn",
    "cost-statement": "Bảng kê chi phí (01/KBCB)",
}


async def render(tx: Transaction, kind: str, data: dict[str, Any], *, archive: bool = False) -> bytes:
    """The PDF of one paper, by the facility's template.

    archive: as PDF/A-2b, for what is signed and kept. A template of the facility that cannot print these data gives
    way to the built-in one, so that nobody stands without paper; the log says so. Raises errors.NotFound for a kind
    that is none, ValueError for data that the kind does not have.
    """
    template = await paper_templates.current(tx, kind)
    day = tx.now.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return await compile_paper(template, data, archive=archive, at=day)
    except TemplateFault as fault:
        if template.version == 0:
            raise
        _log.warning("template %s version %d of tenant %d failed: %s", kind, template.version, tx.tenant.number, fault)
        return await compile_paper(paper_templates.built_in(kind), data, archive=archive, at=day)


async def compile_paper(
    template: Template,
    data: dict[str, Any],
    *,
    archive: bool = False,
    image_ppi: int | None = None,
    at: datetime | None = None,
) -> bytes:
    """A paper by this template. image_ppi: the first page as PNG instead of the PDF. at: the date that the document
    names. Raises TemplateFault.
    """
    filled = fill(paper_templates.sample(template.kind), data)
    job = paper_press.Job(
        template.source,
        {
            "data": json.dumps(filled, ensure_ascii=False),
            "codes": json.dumps(_codes(filled)),
            "title": TITLES[template.kind],
        },
        prelude=template.prelude,
        format="pdf" if image_ppi is None else "png",
        ppi=image_ppi,
        standards=ARCHIVE if archive else (),
        timestamp=int(at.timestamp()) if at else 0,
    )
    return await paper_press.press().run(job)


async def check(kind: str, source: str, *, prelude: str = "") -> None:
    """Compile a template with the sample of its kind, full and empty. Raises TemplateFault with lines."""
    built_in = paper_templates.built_in(kind)
    template = Template(kind, -1, source, prelude or built_in.prelude)
    for data in (paper_templates.sample(kind), {}):
        await compile_paper(template, data)


def fill(sample: Any, data: Any, where: str = "") -> Any:
    """`data` in the shape of the sample: texts, lists and objects that are left out are empty.

    Raises ValueError for a member that the sample does not have, or of another kind.
    """
    if isinstance(sample, dict):
        given = {} if data is None else data
        if not isinstance(given, dict):
            raise ValueError(f"{where or 'data'} is {type(given).__name__}, not an object")
        unknown = sorted(set(given) - set(sample))
        if unknown:
            raise ValueError(f"this paper has no {', '.join(f'{where}{one}' for one in unknown)}")
        return {name: fill(inner, given.get(name), f"{where}{name}.") for name, inner in sample.items()}
    if isinstance(sample, list):
        given_list = [] if data is None else data
        if not isinstance(given_list, list | tuple):
            raise ValueError(f"{where} is {type(given_list).__name__}, not a list")
        shape: Any = sample[0]
        return [fill(shape, one, where) for one in given_list]
    if data is None:
        return ""
    if not isinstance(data, str):
        raise ValueError(f"{where.rstrip('.')} is {type(data).__name__}, not a text that is ready to print")
    return "".join(one for one in data if one.isprintable() or one in "\n\t")


def _codes(data: dict[str, Any]) -> dict[str, Any]:
    try:
        return paper_codes.drawn(data)
    except ValueError as problem:
        raise errors.Invalid(f"The code of this paper cannot be drawn: {problem}.") from None

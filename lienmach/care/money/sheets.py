"""The sheets of the papers of money: receipt, deposit slip, refund slip, cost statement, invoice, as template data.

A statement is printed from its snapshot alone, so that it reads the same for good; amounts stand in đồng, with decimals
only where there are some.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from lienmach.care import facility, paper_templates, papers_data, resources, systems, visit_facts
from lienmach.care.facility import Facility
from lienmach.care.money import accounts, einvoices, statement, statement_sections, statements
from lienmach.care.money.einvoices import EInvoice
from lienmach.care.money.receipts import Receipt
from lienmach.care.money.statements import Statement, StatementLine
from lienmach.care.resources import Resource
from lienmach.record.transaction import Transaction
from lienmach.standards.vietnam import formats, number_words

Sheet = dict[str, Any]
METHODS = {"cash": "Tiền mặt", "transfer": "Chuyển khoản"}
#: kind of a receipt -> (kind of paper, title, what the money is for, who signs for the person, word of the cashier)
_SLIPS = {
    "payment": ("receipt", "Biên lai thu tiền", "Thu tiền khám bệnh, chữa bệnh phần người bệnh trả", "nộp", "thu"),
    "deposit": ("deposit-slip", "Phiếu thu tạm ứng", "Tạm ứng chi phí khám bệnh, chữa bệnh", "nộp", "thu"),
    "refund": ("refund-slip", "Phiếu hoàn tiền", "Hoàn lại tiền cho người bệnh", "nhận", "chi"),
}
_DEPOSIT_NOTE = (
    "Phiếu này không phải hoá đơn. Tiền tạm ứng được trừ khi chốt bảng kê; phần thừa được hoàn lại tại quầy, "
    "xin mang theo phiếu."
)
_VAT = "Dịch vụ khám bệnh, chữa bệnh không chịu thuế giá trị gia tăng."
_BOXES = {"01": "01", "02": "02", "05": "02", "07": "02", "08": "02", "03": "03", "04": "04"}  # MA_LOAI_KCB -> box
_SEX_CODES = {"Nam": "1", "Nữ": "2"}
_COLUMNS = {
    "amount": "THANH_TIEN_BV", "insured_amount": "THANH_TIEN_BH", "fund": "T_BHTT", "copay": "T_BNCCT",
    "other": "T_NGUONKHAC", "own": "T_BNTT",
}  # fmt: skip


async def receipt(tx: Transaction, one: Receipt) -> tuple[str, Sheet]:
    """(kind of paper, its sheet) of a receipt, as things stood when it was made."""
    kind, title, content, person, cashier = _SLIPS[one.kind]
    encounter, patient, home = await _visit(tx, one.encounter_id)
    at = one.at.astimezone(tx.tenant.time_zone)
    sheet = {
        "facility": papers_data.facility_of(home),
        "patient": _patient(patient, kind, at.date()),
        "title": title,
        "number": one.number,
        "copy": "",
        "visit_code": resources.identifier_of(encounter, systems.VISIT),
        "bill_number": one.bill_number,
        "method": METHODS[one.method],
        "transaction": one.bank_transaction,
        "amount": formats.write_number(one.amount),
        "amount_words": number_words.in_words(one.amount),
        "facts": _facts(one),
        "content": content,
        "note": _DEPOSIT_NOTE if one.kind == "deposit" else "",
        "qr": one.number,
        "place_and_date": papers_data.place_and_date(home, at.date()),
        "signatures": [
            {"role": f"Người {person} tiền", "name": "", "text": ""},
            {"role": "Thu ngân", "name": one.by, "text": f"Đã {cashier} {at:%d/%m/%Y %H:%M}"},
        ],
    }
    if one.kind == "refund":
        sheet["reason"] = one.note
    return kind, sheet


def _facts(one: Receipt) -> list[dict[str, str]]:
    if one.kind == "deposit":
        return []
    label = "Còn phải trả sau lần này" if one.due_after >= 0 else "Còn phải hoàn sau lần này"
    return [{"label": label, "value": formats.write_number(abs(one.due_after))}]


async def invoice(tx: Transaction, one: EInvoice) -> Sheet:
    """The sheet of an e-invoice's visible copy; number, symbol and code are empty until the provider has answered."""
    parts = await einvoices.list_of(tx, one.key)
    first = parts[0].encounter_id
    encounter, patient, home = await _visit(tx, first)
    is_summary = one.kind == "summary"
    buyer = one.buyer
    original = await einvoices.read(tx, one.adjusts) if one.adjusts else None
    person = papers_data.patient_of(patient, one.day_on)
    amount = formats.write_number(one.amount)
    return {
        "facility": {**papers_data.facility_of(home), "tax_code": ""},
        "patient": dict.fromkeys(("name", "code", "address"), "")
        if is_summary
        else papers_data.chosen(person, "name code address"),
        "buyer": {
            "name": buyer.name if buyer else "Người mua không lấy hoá đơn",
            "tax_code": buyer.tax_code if buyer else "",
            "address": buyer.address if buyer else "",
            "citizen_number": "",
            "email": buyer.email if buyer else "",
        },
        "title": "Hoá đơn bán hàng",
        "subtitle": "Bản thể hiện của hoá đơn điện tử",
        "status": _corrects(one, original),
        "symbol": one.series,
        "number": one.number or "(chờ số)",
        "issued_on": papers_data.day(one.day_on),
        "authority_code": one.code,
        "lookup_code": "",
        "lookup_address": "",
        "method": "",
        "visit_code": "" if is_summary else resources.identifier_of(encounter, systems.VISIT),
        "bill_number": "" if is_summary else parts[0].bill_number,
        "lines": [
            {
                "number": str(index),
                "name": f"Dịch vụ khám bệnh, chữa bệnh theo bảng kê {part.bill_number}",
                "unit": "lần",
                "quantity": "1",
                "price": formats.write_number(part.amount),
                "amount": formats.write_number(part.amount),
            }
            for index, part in enumerate(parts, 1)
        ],
        "total": amount,
        "total_words": _words(one.amount),
        "note": _VAT,
        "qr": one.code or one.key,
        "place_and_date": papers_data.place_and_date(home, one.day_on),
        "signatures": [
            {"role": "Người mua hàng", "name": "", "text": ""},
            {"role": "Người bán hàng", "name": home.name, "text": "Nhà cung cấp đã ký số" if one.number else ""},
        ],
    }


def _corrects(one: EInvoice, original: EInvoice | None) -> str:
    if original is None:
        return ""
    way = "giảm" if one.amount < 0 else "tăng"
    return f"Hoá đơn điều chỉnh {way} cho hoá đơn số {original.number or '(chờ số)'}. {one.reason}".strip()


def _words(amount: int) -> str:
    if abs(amount) > number_words.NUMBER_MAX:
        return ""
    said = number_words.in_words(abs(amount))
    return f"Giảm {said[0].lower()}{said[1:]}" if amount < 0 else said


async def cost_statement(tx: Transaction, one: Statement) -> Sheet:
    """The sheet of a cost statement; who signs, and what was paid of it until now."""
    head, patient = one.header, one.header["patient"]
    at = one.closed_at.astimezone(tx.tenant.time_zone)
    said = f"Đã ký số {at:%d/%m/%Y %H:%M:%S}"
    mains, others = head["diagnoses"][:1], head["diagnoses"][1:]
    older = await statements.read(tx, statement.invoice_id(one.encounter_id, one.version - 1)) if one.reason else None
    total = one.totals["T_TONGCHI_BV"]
    return {
        "facility": head["facility"],
        "form": "Mẫu số 01/KBCB",
        "title": "Bảng kê chi phí khám bệnh" if one.kind == "01" else "Bảng kê chi phí khám bệnh, chữa bệnh",
        "kind_code": _BOXES.get(one.kind, ""),
        "kind": head["kind"]["name"],
        "number": one.number,
        "version": _version(one, older),
        "department": " · ".join(part for part in (head["department"], head["room"]) if part),
        "patient": {
            **{name: patient[name] for name in ("name", "birth", "age", "sex", "code", "citizen_number")},
            "address": head["address"],
            "sex_code": _SEX_CODES.get(patient["sex"], "3"),
        },
        "visit": {
            "code": one.ma_lk,
            "from": head["arrived"],
            "to": head["ended"],
            "days": _days(head["arrived"], head["ended"]),
            "result": head["result"]["name"],
            "outcome": _coded(head["outcome"]),
            "category": _coded(head["category"]),
            "diagnosis": mains[0][1] if mains else "",
            "diagnosis_code": mains[0][0] if mains else "",
            "others": "; ".join(name for _, name in others),
            "other_codes": "; ".join(code for code, _ in others),
        },
        "cards": [_card(card, tx) for card in one.cards],
        "blocks": _blocks(one),
        "sums": _sums(one.lines),
        "total_words": _words(int(total.quantize(Decimal(1), ROUND_HALF_UP))),
        "patient_total": formats.write_number(one.patient_total),
        "patient_words": _words(one.patient_total),
        "paid": await _paid(tx, one),
        "remarks": [f"Không tính: {name} ({why})" for name, why in one.excluded],
        "qr": one.number,
        "place_and_date": _place(head["facility"]["address"], at.date()),
        "signatures": [
            {"role": "Người lập bảng kê", "name": one.closed_by, "text": said},
            {"role": "Xác nhận của người bệnh", "name": "", "text": ""},
            {"role": "Kế toán viện phí", "name": "", "text": ""},
            *([{"role": "Giám định BHYT", "name": "", "text": ""}] if one.cards else []),
        ],
    }


def _version(one: Statement, older: Statement | None) -> str:
    if not one.is_current:
        return "Bản này đã được thay bằng bảng kê lập lại; không dùng để thanh toán"
    if older is None:
        return ""
    return f"Lập lại lần {one.version}, thay bảng kê {older.number}. Lý do: {one.reason}"


def _blocks(one: Statement) -> list[Sheet]:
    """One block for each rate of benefit, what the fund pays first; sections keep the numbers of the form."""
    numbers = {line.charge_id: index for index, line in enumerate(_in_order(one), 1)}
    found = []
    for share, lines in _by_share(one):
        card = one.cards[0]["number"] if one.cards else ""
        title = f"Thẻ {card} · mức hưởng {_plain(share)} %" if share is not None else "Người bệnh tự trả"
        sections = [
            {
                "number": number,
                "name": statement_sections.TITLES[number],
                "lines": [_line(line, numbers[line.charge_id]) for line in own],
                "sums": _sums(own),
            }
            for number, own in statement_sections.grouped(lines)
        ]
        found.append({"title": title, "sections": sections, "sums": _sums(lines)})
    return found


def _by_share(one: Statement) -> list[tuple[Decimal | None, list[StatementLine]]]:
    """(MUC_HUONG, lines), highest first; None: the fund has no part in them."""
    found: dict[Decimal | None, list[StatementLine]] = {}
    for line in one.lines:
        found.setdefault(None if line.why else line.MUC_HUONG, []).append(line)
    return sorted(found.items(), key=lambda pair: -1 if pair[0] is None else pair[0], reverse=True)


def _in_order(one: Statement) -> list[StatementLine]:
    return [line for _, lines in _by_share(one) for _, own in statement_sections.grouped(lines) for line in own]


def _line(one: StatementLine, number: int) -> dict[str, str]:
    return {
        "number": str(number),
        "name": one.name,
        "unit": one.unit,
        "quantity": _plain(one.quantity),
        "price": _plain(one.DON_GIA_BV),
        "insured_price": _plain(one.DON_GIA_BH),
        "service_rate": str(one.TYLE_TT_DV),
        "insured_rate": str(one.TYLE_TT_BH),
        **{name: _plain(getattr(one, member)) for name, member in _COLUMNS.items()},
    }


def _sums(lines: Iterable[StatementLine]) -> dict[str, str]:
    kept = list(lines)
    return {name: _plain(sum((getattr(one, member) for one in kept), Decimal(0))) for name, member in _COLUMNS.items()}


def _card(card: dict[str, str], tx: Transaction) -> dict[str, str]:
    checked = ""
    if card["checked_at"]:
        at = datetime.fromisoformat(card["checked_at"]).astimezone(tx.tenant.time_zone)
        checked = f"{papers_data.moment(at)}, mã trả lời {card['result_code'] or 'chưa rõ'}"
    return {
        "number": card["number"],
        "from": formats.write_date(card["from_on"]),
        "until": formats.write_date(card["to_on"]),
        "facility": card["initial_facility"],
        "looked_up": checked,
        "five_years_on": formats.write_date(card["five_years_on"]),
        "exempt_from": formats.write_date(card["exempt_from"], tx.tenant.time_zone) if card["exempt_from"] else "",
    }


async def _paid(tx: Transaction, one: Statement) -> str:
    """What was paid of the statement in force; "" for an earlier one."""
    account = await accounts.of_visit(tx, one.encounter_id)
    if account is None or not one.is_current:
        return ""
    if account.due < 0:
        return f"Phải hoàn người bệnh {formats.write_number(-account.due)} đồng"
    paid = formats.write_number(one.patient_total - account.due)
    return f"Đã trả {paid} đồng; còn phải trả {formats.write_number(account.due)} đồng"


async def _visit(tx: Transaction, encounter_id: str) -> tuple[Resource, Resource, Facility]:
    encounter = await resources.read(tx, "Encounter", encounter_id)
    patient = await resources.read(tx, "Patient", visit_facts.patient_of(encounter))
    own = resources.id_of(encounter.get("serviceProvider"), "Organization")
    return encounter, patient, await (facility.facility(tx, own) if own else facility.home(tx))


def _patient(patient: Resource, kind: str, on: date) -> dict[str, str]:
    printed = paper_templates.sample(kind)["patient"]
    return {name: value for name, value in papers_data.patient_of(patient, on).items() if name in printed}


def _coded(said: dict[str, str]) -> str:
    return f"{said['code']} {said['name']}".strip()


def _days(arrived: str, ended: str) -> str:
    """How many days a visit touched."""
    if not (arrived and ended):
        return ""
    begin, end = (datetime.strptime(one[:10], "%d/%m/%Y").date() for one in (arrived, ended))
    return str((end - begin).days + 1)


def _place(address: str, on: date) -> str:
    return papers_data.place_and_date(Facility("", "", "", "", False, address), on)


def _plain(value: Decimal) -> str:
    """An amount without zeros behind its comma: 45.000, 12.345,67."""
    return formats.write_number(Decimal(f"{value.normalize():f}"))

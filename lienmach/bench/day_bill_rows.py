"""The rows of the benchmark's money: accounts, ledger, receipts, shifts, transfers, claims and what came back of them.

They are copied straight into the node's tables, as tickets are, and fit one another: the ledger balances (its trigger
says so), every receipt has its entry and its shift, every claim that was sent its version. Numbers run on from here.
"""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from lienmach.bench import day_bills, day_data, day_visit
from lienmach.bench.day_bills import Bill, Claim

TENANT = 1
CASHIER = "thungan"
BIN, ACCOUNT, HOLDER = "999999", "HTEST0000086991", "TRUNG TAM Y TE LIEN MACH MAU"
FLOAT_VND = 500_000
_BY, _NAME = "baohiem", "Mẫu Thu Ngân"
_AT_ONCE = 20_000
_BILLS_AT_ONCE = 5_000
_LAST_NUMBER = 20_000_000  # above every number that a visit gives (day_bills.Bill.number)
Row = tuple[Any, ...]
Posting = tuple[str, str, Decimal]
Entry = tuple[datetime, str, str, str, str, str, list[Posting]]  # at, kind, cause, visit, note, shift, postings

COLUMNS = {
    "visit_account": "tenant encounter_id patient_id ma_lk organization_id is_insured state opened_at finished_at "
    "closed_at settled_at invoice_id bill_number version patient_total t_bhtt is_stale credit_reason credit_by "
    "expected_total expected_fund expected_patient",
    "ledger_entry": "tenant entry_id at kind cause encounter_id by note shift_id",
    "ledger_posting": "tenant entry_id line account sub amount",
    "cash_shift": "tenant shift_id login name place organization_id opened_at opening_float closed_at counted expected "
    "difference reason",
    "money_receipt": "tenant number kind method amount encounter_id patient_id bill_number at login by shift_id "
    "bank_transaction note due_after request_key",
    "money_number": "tenant facility year series last",
    "payment_request": "tenant number encounter_id kind invoice_id amount bin account holder payload state asked_at "
    "asked_by closed_at",
    "bank_transfer": "tenant transfer_id bin account amount purpose payer paid_at heard_at via state request_number "
    "encounter_id settled_at settled_by",
    "claim": "tenant encounter_id patient_id ma_lk organization_id state why version sent_version finished_at ended_at "
    "request_due_on settle_on queued_at sent_at transaction_number t_bhtt accepted_vnd paid_vnd cut_vnd",
    "claim_version": "tenant encounter_id version reason invoice_id xml digest t_bhtt built_at built_by message_id state "
    "sent_at transaction_number answered_at accepted_vnd",
    "claim_answer": "tenant encounter_id version number at body",
    "claim_finding": "tenant encounter_id number rule table_name field row level text mender found_at",
    "claim_rejection": "tenant rejection_id encounter_id version kind code table_name field row text amount_vnd said_at "
    "due_on state reply",
    "claim_payment": "tenant batch encounter_id paid_vnd cut_vnd reason at by",
    "outbox_message": "tenant message_id channel key subject content_type body state tries queued_at queued_by done_at",
    "outbox_answer": "tenant message_id try asked_at answered_at outcome status content_type body",
}


async def put(owner: asyncpg.Connection, bills: Iterable[Bill], today: date, now: datetime) -> dict[str, int]:
    """Fill every table of money and claims; returns how many rows each has now. bills: of finished visits."""
    rows: dict[str, list[Row]] = defaultdict(list)
    counts: Counter[str] = Counter()
    entries: list[Entry] = []
    drawers: dict[date, int] = defaultdict(int)
    for at, bill in enumerate(bills, 1):
        _account(rows, bill)
        if bill.standing != day_bills.OPEN:
            entries += _money(rows, bill, drawers)
        if bill.is_insured:
            entries += _claim(rows, bill, day_bills.claim_of(bill, today), today, now)
        if at % _BILLS_AT_ONCE == 0:  # the files of all claims together would not fit
            await _copy(owner, rows, counts)
    for day, cash in drawers.items():
        entries += _shift(rows, day, cash, is_open=day == today)
    _numbers(rows, today)
    rows["ledger_entry"], rows["ledger_posting"] = _booked(sorted(entries, key=lambda one: one[0]))
    await _copy(owner, rows, counts)
    for table in (*COLUMNS, "ledger_balance"):
        await owner.execute(f"analyze {table}")
    await owner.execute(
        "select setval(pg_get_serial_sequence('ledger_entry', 'entry_id'), (select max(entry_id) from ledger_entry))"
    )
    return dict(counts)


async def _copy(owner: asyncpg.Connection, rows: dict[str, list[Row]], counts: Counter[str]) -> None:
    """Copy what was collected and forget it."""
    for table, columns in COLUMNS.items():
        for part in _parts(table, rows[table]):
            await owner.copy_records_to_table(table, records=part, columns=columns.split())
        counts[table] += len(rows[table])
    rows.clear()


def _parts(table: str, rows: list[Row]) -> Iterator[Sequence[Row]]:
    """What one statement inserts; an entry's postings stay together, for its trigger looks at all of them."""
    start = 0
    while start < len(rows):
        end = start + _AT_ONCE
        while table == "ledger_posting" and end < len(rows) and rows[end][1] == rows[end - 1][1]:
            end += 1
        yield rows[start:end]
        start = end


def _account(rows: dict[str, list[Row]], bill: Bill) -> None:
    visit, is_open = bill.visit, bill.standing == day_bills.OPEN
    is_credit = bill.standing == day_bills.CREDIT
    rows["visit_account"].append(
        (
            TENANT, visit.id, day_data.person_id(visit.person), bill.ma_lk, day_data.FACILITY, bill.is_insured,
            "finished" if is_open else "closed", visit.end, visit.end, None if is_open else bill.closed_at,
            bill.paid_at if bill.standing == day_bills.PAID else None, "" if is_open else bill.invoice_id,
            "" if is_open else bill.number("BK"), 0 if is_open else 1, 0 if is_open else bill.patient_total,
            Decimal(0) if is_open else bill.fund, False, "Hẹn trả tuần sau" if is_credit else "",
            _NAME if is_credit else "", *((bill.total, bill.fund, bill.patient_total) if is_open else (None,) * 3),
        )
    )  # fmt: skip


def _money(rows: dict[str, list[Row]], bill: Bill, drawers: dict[date, int]) -> list[Entry]:
    """The statement in the ledger, and its payment with receipt, request and transfer."""
    own, day = bill.visit.id, bill.visit.at.date()
    owed = [("1311", own, Decimal(bill.patient_total)), ("1312", own, bill.fund)]
    earned = [("5111", "", bill.drugs - bill.total), ("5112", "", -bill.drugs)]
    said = [one for one in (*owed, *earned) if one[2]]
    cause, number = f"statement/{bill.invoice_id}", bill.number("BK")
    entries: list[Entry] = [(bill.closed_at, "statement", cause, own, number, "", said)]
    if bill.standing != day_bills.PAID:
        return entries
    shift = "" if bill.by_transfer else shift_id(day)
    transfer = f"{BIN}-FTB{bill.visit.number}" if bill.by_transfer else ""
    paid = Decimal(bill.patient_total)
    into = ("1121", "") if bill.by_transfer else ("1111", shift)
    receipt = bill.number("PT")
    entries.append(
        (bill.paid_at, "payment", f"receipt/{receipt}", own, receipt, shift, [(*into, paid), ("1311", own, -paid)])
    )
    rows["money_receipt"].append(
        (
            TENANT, receipt, "payment", "transfer" if bill.by_transfer else "cash", bill.patient_total, own,
            day_data.person_id(bill.visit.person), number, bill.paid_at, CASHIER, _NAME, shift, transfer, "", 0,
            f"bench-{bill.visit.number}",
        )
    )  # fmt: skip
    if bill.by_transfer:
        _transfer(rows, bill, transfer)
    else:
        drawers[day] += bill.patient_total
    return entries


def _transfer(rows: dict[str, list[Row]], bill: Bill, transfer: str) -> None:
    own, number = bill.visit.id, f"LM{bill.visit.at:%y%m%d}{_letters(bill.visit.number)}"
    rows["payment_request"].append(
        (TENANT, number, own, "bill", bill.invoice_id, bill.patient_total, BIN, ACCOUNT, HOLDER, f"00020101{number}",
         "paid", bill.closed_at, CASHIER, bill.paid_at)
    )  # fmt: skip
    rows["bank_transfer"].append(
        (TENANT, transfer, BIN, ACCOUNT, bill.patient_total, number, "NGUOI TRA TIEN MAU", bill.paid_at, bill.paid_at,
         "webhook", "matched", number, own, bill.paid_at, "bank")
    )  # fmt: skip


def _letters(number: int) -> str:
    found = ""
    for _ in range(6):
        number, at = divmod(number, 17)
        found += "ACDEFGHJKMNPRTWXY"[at]
    return found


def _claim(rows: dict[str, list[Row]], bill: Bill, claim: Claim, today: date, now: datetime) -> list[Entry]:
    """The claim with its version, messages and rejections; returns what the fund paid, as entries."""
    visit, own, sent_at = bill.visit, bill.visit.id, bill.paid_at + timedelta(minutes=6)
    has_version = claim.is_sent or claim.state == "ready"
    is_paid, paid = claim.state == "paid", bill.fund - claim.cut if claim.state == "paid" else Decimal(0)
    accepted = bill.fund - claim.cut if claim.state in ("paid", "accepted") else None
    number = f"GD{visit.number:012}" if claim.is_sent else ""
    ended_on = visit.end.date()
    rows["claim"].append(
        (
            TENANT, own, day_data.person_id(visit.person), bill.ma_lk, day_data.FACILITY, claim.state, claim.why,
            int(has_version), int(claim.is_sent), visit.end, visit.end, ended_on + timedelta(days=9),
            ended_on.replace(day=1) if has_version else None, sent_at if has_version else None,
            sent_at if claim.is_sent else None, number, bill.fund if has_version else Decimal(0), accepted, paid,
            claim.cut,
        )
    )  # fmt: skip
    if has_version:
        _version(rows, bill, claim, sent_at, number, accepted)
    if claim.state == "findings":
        rows["claim_finding"] += [
            (TENANT, own, at, rule, "XML3", name, 1, level, "Kiểm tra lại dòng này.", "doctor", sent_at)
            for at, (rule, name, level) in enumerate((("TIM-04", "NGAY_YL", "error"), ("COD-11", "MA_BAC_SI", "warn")))
        ]
    if claim.rejected:
        _reject(rows, bill, claim, sent_at, today)
    if not is_paid:
        return []
    batch = f"QT-{ended_on:%Y-%m}"
    at = min(sent_at + timedelta(days=70), now)
    reason = "Chỉ định chưa phù hợp chẩn đoán" if claim.cut else ""
    rows["claim_payment"].append((TENANT, batch, own, paid, claim.cut, reason, at, _BY))
    into = [("1121", "", paid), ("8111", "", claim.cut), ("1312", own, -bill.fund)]
    return [(at, "fund-payment", f"fund/{batch}/{own}", own, reason, "", [one for one in into if one[2]])]


def _version(
    rows: dict[str, list[Row]], bill: Bill, claim: Claim, sent_at: datetime, number: str, accepted: Decimal | None
) -> None:
    own, message = bill.visit.id, day_data.digest("claim", bill.visit.id)
    state = {"ready": "queued", "sent": "sent", "rejected": "rejected"}.get(claim.state, "accepted")
    answered = sent_at + timedelta(hours=2) if state in ("rejected", "accepted") else None
    xml, sent = xml_of(bill), sent_at if claim.is_sent else None
    rows["claim_version"].append(
        (TENANT, own, 1, "", bill.invoice_id, xml, day_data.digest("xml", own) * 2, bill.fund, sent_at, "system",
         message, state, sent, number, answered, accepted)
    )  # fmt: skip
    if answered:
        body = f'{{"maGiaoDich":"{number}","maKetQua":"{"205" if state == "rejected" else "200"}"}}'.encode()
        rows["claim_answer"].append((TENANT, own, 1, 1, answered, body))
    if not claim.is_sent:
        return  # its message would be sent to the portal now
    rows["outbox_message"].append(
        (TENANT, message, "claim", f"{own}/1", f"Encounter/{own}", "application/xml", b"<GIAMDINHHS/>", "sent", 1,
         sent_at, "system", sent_at)
    )  # fmt: skip
    rows["outbox_answer"].append(
        (TENANT, message, 1, sent_at, sent_at, "done", 200, "application/json", f'{{"maGiaoDich":"{number}"}}'.encode())
    )


def _reject(rows: dict[str, list[Row]], bill: Bill, claim: Claim, sent_at: datetime, today: date) -> None:
    kind = "appraisal" if claim.rejected == "closed" or bill.visit.number % 3 else "structure"
    # What is still open was said in the last days, however old the visit is.
    said_at = sent_at
    if claim.rejected == "open":
        said_at = datetime.combine(today - timedelta(days=bill.visit.number % 3), time(8), tzinfo=sent_at.tzinfo)
    code = ("SAI-NGAY", "THIEU-MA", "KHONG-PHU-HOP", "VUOT-TRAN")[bill.visit.number % 4]
    amount = claim.cut or (bill.fund / 2).quantize(Decimal(1))
    rows["claim_rejection"].append(
        (TENANT, day_data.digest("rejection", bill.visit.id), bill.visit.id, 1, kind, code, "XML3", "NGAY_YL", 1,
         "Thời điểm y lệnh không phù hợp.", amount if kind == "appraisal" else None, said_at,
         said_at.date() + timedelta(days=3), claim.rejected, "" if claim.rejected == "open" else "Đã giải trình.")
    )  # fmt: skip


def shift_id(day: date) -> str:
    """The shift of the demo cashier on a day."""
    return f"bench-ca-{day:%Y%m%d}"


def _shift(rows: dict[str, list[Row]], day: date, cash: int, *, is_open: bool) -> list[Entry]:
    """A day's shift: opened before the first visit, closed and brought to the vault, today's still open."""
    own, opened_at = shift_id(day), datetime.combine(day, time(0, 5), tzinfo=day_data.VIETNAM)
    closed_at, held = opened_at + timedelta(hours=17), FLOAT_VND + cash
    begun: Entry = (
        opened_at, "shift-open", f"shift/{own}/open", "", "", own,
        [("1111", own, Decimal(FLOAT_VND)), ("1112", "", Decimal(-FLOAT_VND))],
    )  # fmt: skip
    ended: Entry = (
        closed_at, "shift-close", f"shift/{own}/close", "", "", own,
        [("1111", own, Decimal(-held)), ("1112", "", Decimal(held))],
    )  # fmt: skip
    known = (None, None, None, None) if is_open else (closed_at, held, held, 0)
    rows["cash_shift"].append(
        (TENANT, own, CASHIER, _NAME, "Quầy thu ngân", day_data.FACILITY, opened_at, FLOAT_VND, *known, "")
    )
    return [begun] if is_open else [begun, ended]


def _numbers(rows: dict[str, list[Row]], today: date) -> None:
    for series in ("BK", "PT", "TU", "PC"):
        rows["money_number"].append((TENANT, day_data.FACILITY_CODE, today.year, series, _LAST_NUMBER))


def _booked(entries: Sequence[Entry]) -> tuple[list[Row], list[Row]]:
    """The rows of entry and posting, numbered in the order of time."""
    heads, lines = [], []
    for own, (at, kind, cause, visit, note, shift, postings) in enumerate(entries, 1):
        heads.append((TENANT, own, at, kind, cause, visit, CASHIER, note, shift))
        lines += [(TENANT, own, line, *one) for line, one in enumerate(postings, 1)]
    return heads, lines


def xml_of(bill: Bill) -> bytes:
    """A claim's file of the size and shape that the portal gets, without signature: XML1, XML2 and XML3."""
    visit, disease = bill.visit, day_visit.drawn(bill.visit)[0]
    at, end = f"{visit.at:%Y%m%d%H%M}", f"{visit.end:%Y%m%d%H%M}"
    head = {
        "MA_LK": bill.ma_lk, "STT": "1", "MA_BN": day_data.person_id(visit.person), "HO_TEN":
        day_data.name_of(visit.person), "SO_CCCD": day_data.citizen_number(visit.person), "NGAY_SINH": "197001010000",
        "GIOI_TINH": "1", "DIA_CHI": "Xã Thử Nghiệm", "MA_THE_BHYT": day_data.card_number(visit.person), "MA_DKBD":
        day_data.FACILITY_CODE, "MA_DOITUONG_KCB": day_bills.INSURED, "NGAY_VAO": at, "NGAY_RA": end, "LY_DO_VV":
        disease[2], "CHAN_DOAN_RV": disease[1], "MA_BENH_CHINH": disease[0], "KET_QUA_DTRI": "2", "MA_LOAI_RV": "1",
        "T_TONGCHI_BV": str(bill.total), "T_TONGCHI_BH": str(bill.fund), "T_BHTT": str(bill.fund), "T_BNCCT": "0.00",
        "T_BNTT": str(bill.total - bill.fund), "NAM_QT": f"{visit.at:%Y}", "THANG_QT": f"{visit.at:%m}", "MA_LOAI_KCB":
        "01", "MA_CSKCB": day_data.FACILITY_CODE,
    }  # fmt: skip
    lines: dict[str, list[str]] = {"2": [], "3": []}
    for number, one in enumerate(bill.lines, 1):
        row = {
            "MA_LK": bill.ma_lk, "STT": str(number), "MA_DICH_VU" if one.table == "3" else "MA_THUOC": one.code,
            "MA_NHOM": one.nhom, "SO_LUONG": str(one.quantity), "DON_GIA_BV": str(one.price_bv), "DON_GIA_BH":
            str(one.price_bh), "THANH_TIEN_BV": str(one.total), "THANH_TIEN_BH": str(one.insured), "T_BHTT":
            str(one.insured), "MA_KHOA": "K01", "NGAY_YL": at, "NGAY_TH_YL": end, "MUC_HUONG": "100",
        }  # fmt: skip
        lines[one.table].append(_row(f"CHI_TIET_{'DVKT' if one.table == '3' else 'THUOC'}", row))
    files = _file("XML1", _row("TONG_HOP", head))
    files += _file("XML2", f"<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC>{''.join(lines['2'])}"
                           "</DSACH_CHI_TIET_THUOC></CHITIEU_CHITIET_THUOC>")  # fmt: skip
    files += _file("XML3", f"<CHITIEU_CHITIET_DVKT_VTYT><DSACH_CHI_TIET_DVKT>{''.join(lines['3'])}"
                           "</DSACH_CHI_TIET_DVKT></CHITIEU_CHITIET_DVKT_VTYT>")  # fmt: skip
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><GIAMDINHHS><THONGTINDONVI><MACSKCB>{day_data.FACILITY_CODE}</MACSKCB>'
        f"</THONGTINDONVI><THONGTINHOSO><NGAYLAP>{visit.end:%Y%m%d}</NGAYLAP><SOLUONGHOSO>1</SOLUONGHOSO>"
        f"<DANHSACHHOSO><HOSO>{files}</HOSO></DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>"
    ).encode()


def _row(name: str, members: dict[str, str]) -> str:
    return f"<{name}>{''.join(f'<{key}>{value}</{key}>' for key, value in members.items())}</{name}>"


def _file(table: str, body: str) -> str:
    content = base64.b64encode(f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode()).decode()
    return f"<FILEHOSO><LOAIHOSO>{table}</LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO>"

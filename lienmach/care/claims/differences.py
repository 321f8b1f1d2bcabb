"""Why a claim goes again, told from what its tables say now against what was sent. Pure."""

from __future__ import annotations

from lienmach.standards.bhxh.claim_xml import Tables

PAID = "Người bệnh đã thanh toán sau khi gửi hồ sơ"
RESULT = "Có kết quả cận lâm sàng sau khi gửi hồ sơ"
STATEMENT = "Chốt lại bảng kê chi phí"
MENDED = "Hồ sơ được sửa sau khi gửi"
_RESULT_FIELDS = frozenset({"NGAY_KQ", "NGUOI_THUC_HIEN", "MA_MAY"})


def changed(old: Tables, new: Tables) -> set[tuple[str, str]]:
    """(table, field) of what differs; a row more or less counts as field ""."""
    found: set[tuple[str, str]] = set()
    for table in old.keys() | new.keys():
        before, after = old.get(table, []), new.get(table, [])
        if len(before) != len(after):
            found.add((table, ""))
            continue
        for one, other in zip(before, after, strict=True):
            found |= {(table, name) for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
    return found


def reason(old: Tables, new: Tables, *, is_other_statement: bool, statement_reason: str = "") -> str:
    """The reason of a re-sending that nobody asked for, in Vietnamese; "" where nothing differs."""
    fields = changed(old, new)
    if not fields:
        return ""
    if is_other_statement:
        return f"{STATEMENT}: {statement_reason}" if statement_reason else STATEMENT
    if fields == {("XML1", "NGAY_TTOAN")}:
        return PAID
    if all(table == "XML4" or (table == "XML3" and field in _RESULT_FIELDS) for table, field in fields - {
        ("XML1", "NGAY_TTOAN")
    }):  # fmt: skip
        return RESULT
    return MENDED

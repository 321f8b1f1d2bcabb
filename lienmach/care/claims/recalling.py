"""The version that takes a request back: category 8, no cost, nothing asked of the fund. Pure.

Rule CAT-07 (Decision 3276/QĐ-BYT 2025-10-17, secondary): code 8 stands only for the recall of a request. What such a
file holds beside XML1 is not published; the lines are left out, so that nothing is paid.
"""

from __future__ import annotations

from lienmach.standards.bhxh.claim_xml import Tables

CATEGORY = "8"
SELF_PAY = "Lượt khám chuyển sang người bệnh tự trả"
_AMOUNTS = (
    "T_THUOC", "T_VTYT", "T_TONGCHI_BV", "T_TONGCHI_BH", "T_BNTT", "T_BNCCT", "T_BHTT", "T_NGUONKHAC", "T_BHTT_GDV",
)  # fmt: skip


def is_recall(said: Tables) -> bool:
    """Whether these tables take a request back."""
    return said.get("XML1", [{}])[0].get("MA_DOITUONG_KCB") == CATEGORY


def tables(sent: Tables) -> Tables:
    """The tables of the recall of what was sent."""
    first = {**sent["XML1"][0], "MA_DOITUONG_KCB": CATEGORY, **dict.fromkeys(_AMOUNTS, "0.00")}
    return {"XML1": [first]}

"""The claim of a visit checked while it can still be mended: beside the doctor, at the insurance desk, before it goes.

    found = await preflight.findings(tx, encounter_id)                      # the visit is open
    found = await preflight.findings(tx, encounter_id, moment="close")      # it is signed, nothing is sent

Nothing here changes the record, and nothing moves a time. What the job found last stands in `claim_finding` (`stored`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lienmach.care import resources, visit_cards, visit_facts
from lienmach.care.claims import building, storing, surroundings
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.rules import check
from lienmach.standards.bhxh.rules.findings import CLOSE, LIVE, Finding

#: Where a finding is mended, behind the address of the visit: by rule, else by field, else by table.
_BY_RULE = {
    "ADM-06": "#vitals",
    "ADM-07": "#vitals",
    "MON-21": "/orders",
    "REL-07": "#history",
    "TIM-01": "/signature",
    "TIM-16": "/signature",
    "CAT-11": "/signature",
    "REL-09": "/papers",
    "REL-10": "/papers",
    "REL-11": "/papers",
}
_BY_FIELD = {
    "MA_BENH_CHINH": "#icd",
    "MA_BENH_KT": "#icd",
    "CHAN_DOAN_RV": "#icd",
    "CHAN_DOAN_VAO": "#icd",
    "LY_DO_VV": "#reason",
    "CAN_NANG": "#vitals",
    "MA_DOITUONG_KCB": "/signature",
    "KET_QUA_DTRI": "/signature",
    "MA_LOAI_RV": "/signature",
    "NGAY_RA": "/signature",
}
_BY_TABLE = {
    "XML2": "/prescription",
    "XML3": "/orders",
    "XML4": "/orders",
    "XML5": "#history",
    "XML11": "/papers",
    "XML13": "/papers",
    "XML14": "/papers",
}
#: Field of a claim -> field of the form where the desk puts it right: of the person, and of the arrival.
_PERSON = {
    "HO_TEN": "name",
    "SO_CCCD": "citizen_number",
    "NGAY_SINH": "birth",
    "GIOI_TINH": "sex",
    "NHOM_MAU": "blood_group",
    "MA_QUOCTICH": "nationality_code",
    "MA_DANTOC": "ethnic_code",
    "MA_NGHE_NGHIEP": "occupation_code",
    "DIA_CHI": "address_line",
    "MATINH_CU_TRU": "province_code",
    "MAHUYEN_CU_TRU": "commune",
    "MAXA_CU_TRU": "commune",
    "DIEN_THOAI": "phone",
}
_ARRIVAL = {"MA_NOI_DI": "from_code", "GIAY_CHUYEN_TUYEN": "referral", "MA_TAI_NAN": "accident"}


async def findings(tx: Transaction, encounter_id: str, *, moment: str = LIVE) -> list[Finding]:
    """What the rules say of a visit as it stands, gravest first; [] for one that is not insured.

    moment: live asks what can be known while the visit is open, close also what its end must have. Costs are those of
    now, not of a closed statement. Raises errors.NotFound, errors.Refused for who may not read all of the visit.
    """
    encounter = await resources.read(tx, "Encounter", encounter_id)
    if not await is_insured(tx, encounter):
        return []
    is_open = visit_facts.is_open(encounter)
    tables = await building.tables_of(tx, encounter_id)
    around = await surroundings.gather(tx, encounter_id, tables, is_open=is_open)
    moments = frozenset({LIVE, CLOSE}) if moment == CLOSE and not is_open else frozenset({LIVE})
    return check.check(tables, around, moments=moments)


async def is_insured(tx: Transaction, encounter: Mapping[str, object]) -> bool:
    """Whether the visit claims anything: it has a card and is not the patient's own."""
    own = dict(encounter)
    return visit_facts.category_of(own) not in ("", visit_cards.SELF_PAY) and bool(await visit_cards.of_visit(tx, own))


async def stored(tx: Transaction, encounter_id: str) -> list[Finding]:
    """What the job found when it last looked at the claim, gravest first."""
    rows = await tx.fetch(
        """select rule, table_name, field, row, level, text, "values", mender from claim_finding
           where tenant = $1 and encounter_id = $2 order by number""",
        tx.tenant.number, encounter_id,
    )  # fmt: skip
    return [storing.finding_of(row) for row in rows]


async def counted(tx: Transaction, encounter_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Visit -> level -> how many findings are stored, for a list; a visit without any is left out."""
    rows = await tx.fetch(
        """select encounter_id, level, count(*)::int as found from claim_finding
           where tenant = $1 and encounter_id = any($2) group by encounter_id, level""",
        tx.tenant.number, list(encounter_ids),
    )  # fmt: skip
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row["encounter_id"], {})[row["level"]] = row["found"]
    return counts


def link_of(finding: Finding) -> str:
    """Where a finding is mended, behind the address of the visit; "" for the chart itself."""
    return (
        _BY_RULE.get(finding.rule)
        or (_BY_FIELD.get(finding.field, "") if finding.table == "XML1" else "")
        or _BY_TABLE.get(finding.table, "")
    )


def desk_link_of(field: str, encounter_id: str, patient_id: str) -> str:
    """The page of the desk where a field of the person or of the arrival is put right, "" for any other field."""
    if field in _PERSON:
        return f"/registration/patients/{patient_id}/details#{_PERSON[field]}"
    if field in _ARRIVAL:
        return f"/registration/visits/{encounter_id}/arrival#{_ARRIVAL[field]}"
    return ""

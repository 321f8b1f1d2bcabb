"""docs/reference/claim-rules.md, written from the list of rules and from what is checked.

    .venv/bin/python -m tests.standards.claim_rules_page

writes it anew; test_claim_rules_page.py fails when it differs.
"""

from __future__ import annotations

from pathlib import Path

from lienmach.care import catalogue_set
from lienmach.care.catalogues import Row
from lienmach.care.claims import surroundings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "claim-rules.md"
COMMAND = ".venv/bin/python -m tests.standards.claim_rules_page"
_TITLES = {
    "STR": "Structure of the file",
    "ADM": "Person",
    "CRD": "Card",
    "CAT": "Kind of visit, category, outcome",
    "ICD": "Diagnoses",
    "COD": "Codes of lines",
    "BEN": "Benefit",
    "MON": "Money",
    "TIM": "Time",
    "REL": "Tables against each other",
    "PAP": "Papers",
    "RX": "Prescription",
    "SND": "Sending",
}
_HEAD = """# Claim rules

What is asked of the insurance claim of an outpatient visit: {count} rules, {checked} of them checked. They are rows of
the list `claim-rule`, so a facility changes a level, lets a rule begin another day or switches it off (level `off`)
without a new version of the program.

- **Level.** `error`: nothing is sent until it is mended. `warn`: it will be asked about or cut. `info`: only told.
- **When.** `live`: while the visit is open. `close`: before the patient leaves. `send`: when the file goes.
  `batch`: over the claims of many visits.
- **Who.** `rec` reception, `doc` doctor, `lab` laboratory, `img` imaging, `pha` dispensary, `cas` cashier, `ins`
  insurance desk, `it` whoever runs the system.
- **Since.** First day of the visit (NGAY_VAO) on which the rule is asked.
- **Source** and how sure it is: `source` read in a named public place, `secondary` in a file about the decision,
  `memory`, `own` our own house rule.

The checks are pure functions over the tables of the claim and what stands around it
(`lienmach/standards/bhxh/rules/`); one that lacks something from outside the file keeps silent. None of them changes a
row, and none moves a time. `lienmach claims check FILE…` asks them of files, the panel beside doctor, cashier and
insurance desk asks them of a visit.

*Written from `lienmach/care/catalogue/claim-rule.csv` by `{command}`.*
"""


def text() -> str:
    """The page as it should be."""
    rows = [one for one in catalogue_set.rows("demo") if one.list == surroundings.TERMS]
    checked = sum(1 for one in rows if one.data["is_checked"])
    parts = [_HEAD.format(count=len(rows), checked=checked, command=COMMAND)]
    for start, title in _TITLES.items():
        own = [one for one in rows if one.code.startswith(start + "-")]
        lines = [f"## {title}", "", "| Rule | What | Fields | Level, when, who | Checked | Since | Source |"]
        lines += ["|---|---|---|---|---|---|---|", *(_line(one) for one in own), ""]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def _line(row: Row) -> str:
    data = row.data
    fields = ", ".join(f"`{one.replace('`', '')}`" for one in data["fields"])
    where = data["place"] if data["is_checked"] else f"**no**: {data['place']}"
    cells = [
        row.code,
        row.name,
        fields,
        f"{data['level']}, {data['moment']}, {data['mender']}",
        where,
        row.valid_from.isoformat(),
        f"{row.source} ({data['confidence']})",
    ]
    return "| " + " | ".join(one.replace("|", "/") for one in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")

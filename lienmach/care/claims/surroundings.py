"""What the rules of a claim need from around it: dated lists and terms, the accepted catalogues, look-ups, papers, work.

    around = await surroundings.gather(tx, encounter_id, tables)      # of a visit of this facility
    around = surroundings.from_package()                              # for a file alone, with the lists shipped

Moments are handed to the rules in local time without a zone, cut to the minute, as they stand in a claim.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from lienmach.care import benefit_parameters, catalogue_set, catalogues
from lienmach.care.catalogues import Row
from lienmach.care.claims import accepted, surrounding_work
from lienmach.care.money.statement import Statement
from lienmach.record.transaction import Transaction
from lienmach.standards.bhxh.claim_xml import Tables
from lienmach.standards.bhxh.rules import reading
from lienmach.standards.bhxh.rules.findings import Term
from lienmach.standards.bhxh.rules.reading import Claim
from lienmach.standards.bhxh.rules.surroundings import AcceptedRow, Dated, Surroundings

TERMS = "claim-rule"
OFF = "off"  # a level: the facility does not want the rule asked
#: Lists that are small enough to be read whole.
SMALL = ("ma-loai-kcb", "ma-doituong-kcb", "ket-qua-dtri", "ma-loai-rv", "ma-khoa", "dan-toc", "nghe-nghiep")
_CATEGORIES, _DIAGNOSES, _INDICATORS = "ma-doituong-kcb", "icd10", "indicator"
_FORM_OF = {list_name: form for form, (list_name, _) in accepted.FORMS.items()}


async def gather(
    tx: Transaction,
    encounter_id: str | None,
    tables: Tables,
    *,
    statement: Statement | None = None,
    is_open: bool = False,
) -> Surroundings:
    """Everything that the rules may ask about these tables. encounter_id: the visit, None where the record has none.

    statement: the one that the tables were built from; without it nothing is said about bill, ledger and statement.
    is_open: the visit goes on, so that what is not done yet is not missing. Raises as resources.read.
    """
    claim = reading.read(tables)
    on = claim.arrived_on or tx.now.astimezone(tx.tenant.time_zone).date()
    around = of_rows(await _lists(tx, claim), on=on, objects={one[:2] for one in claim.cards})
    now = tx.now.astimezone(tx.tenant.time_zone).replace(tzinfo=None, second=0, microsecond=0)
    around = replace(around, accepted=await _accepted(tx, claim), now=now, is_open=is_open)
    if encounter_id is None:
        return around
    work = await surrounding_work.of_visit(tx, encounter_id, claim, is_open=is_open, statement=statement)
    return replace(around, **work)


@functools.lru_cache(maxsize=1)
def from_package() -> Surroundings:
    """The lists, parameters and terms that are shipped: for a file without a database.

    Accepted catalogues, look-ups and the work that was done belong to a facility and are not known here.
    """
    return of_rows(list(catalogue_set.rows("demo")))


def of_rows(rows: Iterable[Row], *, on: date | None = None, objects: Iterable[str] | None = None) -> Surroundings:
    """The lists as the rules take them. on: the day whose categories hold; objects: of the cards, None: all known."""
    codes: dict[str, dict[str, tuple[Dated, ...]]] = {}
    terms: dict[str, tuple[Term, ...]] = {}
    categories, parameters, known = {}, [], set(objects or ())
    for row in rows:
        if row.list == TERMS:
            terms[row.code] = (*terms.get(row.code, ()), _term(row))
        elif row.list in benefit_parameters.LISTS:
            parameters.append(row)
        elif row.list == "card-object" and objects is None:
            known.add(row.code)
        elif row.list in (*SMALL, _DIAGNOSES, _INDICATORS):
            own = codes.setdefault(row.list, {})
            own[row.code] = (*own.get(row.code, ()), Dated(row.name, row.data, row.valid_from, row.valid_to))
            if row.list == _CATEGORIES and (on is None or own[row.code][-1].holds(on)):
                categories[row.code] = benefit_parameters.category_of(row.code, row.data)
    return Surroundings(
        on=on,
        terms=terms,
        codes=codes,
        parameters=benefit_parameters.of_rows(parameters, sorted(known)),
        categories=categories,
    )


def _term(row: Row) -> Term:
    data, level = row.data, str(row.data.get("level", ""))
    moment, mender = str(data.get("moment", "")), str(data.get("mender", ""))
    return Term(row.code, row.name, level, moment, mender, row.valid_from, row.valid_to, level == OFF)


async def _lists(tx: Transaction, claim: Claim) -> list[Row]:
    """The small lists whole, of the large ones the codes of the claim and the first one, which says that there is a
    list: a claim of which no code is known must not look like a home without the list. In one question."""
    diagnoses = [claim.visit.get("MA_BENH_CHINH", ""), *reading.parts(claim.visit.get("MA_BENH_KT", ""))]
    indicators = [row.get("MA_CHI_SO", "") for _, row in claim.rows("XML4")]
    found = await tx.fetch(
        """select list, code, name, valid_from, valid_to, data from catalogue
           where tenant = $1 and state = any($2)
             and (list = any($3) or (list = $4 and code = any($5)) or (list = $6 and code = any($7))
                  or (list = any($8) and code = any(array(
                      select first.code from unnest($8::text[]) large(list) cross join lateral (
                          select c.code from catalogue c
                          where c.tenant = $1 and c.list = large.list and c.state = any($2)
                          order by c.code limit 1) first))))
           order by list, code, valid_from""",
        tx.tenant.number, list(catalogues.USABLE), [*SMALL, *benefit_parameters.LISTS, TERMS],
        _DIAGNOSES, sorted({one.strip().rstrip("*†+") for one in diagnoses}), _INDICATORS, sorted(set(indicators)),
        [_DIAGNOSES, _INDICATORS],
    )  # fmt: skip
    return [
        Row(row["list"], row["code"], row["name"], row["valid_from"], row["valid_to"], data=_data(row["data"]))
        for row in found
    ]


async def _accepted(tx: Transaction, claim: Claim) -> dict[str, dict[str, tuple[AcceptedRow, ...]]]:
    """Form -> code as in the claim -> its rows of every day. A form that the facility has not brought is left out."""
    wanted = {
        accepted.STAFF: _licences(claim),
        accepted.DRUGS: {one["MA_THUOC"] for one in claim.drugs},
        accepted.SERVICES: {one["MA_DICH_VU"] for one in claim.works},
        accepted.MACHINES: {one["MA_MAY"] for one in claim.works},
    }
    found: dict[str, dict[str, tuple[AcceptedRow, ...]]] = {}
    for form, (list_name, member) in accepted.FORMS.items():
        if not await accepted.is_known(tx, list_name):
            continue
        rows = await tx.fetch(
            """select code, valid_from, valid_to, data from catalogue
               where tenant = $1 and list = $2 and state = any($3) and (data->>$4 = any($5) or code = any($5))
               order by code, valid_from""",
            tx.tenant.number, list_name, list(catalogues.USABLE), member, sorted(wanted[list_name] - {""}),
        )  # fmt: skip
        own: dict[str, tuple[AcceptedRow, ...]] = found.setdefault(form, {})
        for row in rows:
            data = _data(row["data"])
            key = str(data.get(member) or row["code"])
            own[key] = (*own.get(key, ()), AcceptedRow(row["code"], data, row["valid_from"], row["valid_to"]))
    return await _with_abilities(tx, found)


async def _with_abilities(
    tx: Transaction, found: dict[str, dict[str, tuple[AcceptedRow, ...]]]
) -> dict[str, dict[str, tuple[AcceptedRow, ...]]]:
    """Machines name services by our own codes; the claim by the accepted ones."""
    machines = found.get("06", {})
    own = {code for rows in machines.values() for one in rows for code in one.data.get("services") or ()}
    if not own:
        return found
    rows = await tx.fetch(
        "select code, data->>'MA_DICH_VU' as said from catalogue where tenant = $1 and list = $2 and code = any($3)",
        tx.tenant.number, accepted.SERVICES, sorted(own),
    )  # fmt: skip
    said: dict[str, set[str]] = {}
    for row in rows:
        said.setdefault(row["code"], set()).add(row["said"] or row["code"])
    found["06"] = {key: tuple(_able(one, said) for one in group) for key, group in machines.items()}
    return found


def _able(row: AcceptedRow, said: Mapping[str, set[str]]) -> AcceptedRow:
    services = [code for own in row.data.get("services") or () for code in said.get(own, {own})]
    return replace(row, data={**row.data, "MA_DICH_VU": services}) if services else row


def _licences(claim: Claim) -> set[str]:
    texts = [one[name] for one in claim.items for name in ("MA_BAC_SI", "NGUOI_THUC_HIEN")]
    texts += [row.get("MA_BS_DOC_KQ", "") for _, row in claim.rows("XML4")]
    texts += [row.get("NGUOI_THUC_HIEN", "") for _, row in claim.rows("XML5")]
    return {one for text in texts for one in reading.parts(text)}


@functools.lru_cache(maxsize=4096)
def _data(text: str) -> dict[str, Any]:
    """Members of a row. Kept by their text: the same lists are read for every visit, and nobody changes what is read."""
    found: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return found

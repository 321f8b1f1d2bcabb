"""The rules about a prescription, pure: facts of a person, lines and the facility's lists in, dangers out.

    dangers = drug_rules.judge(facts, [(drug, line), …], formulary)

Allergy, interaction, duplicate, pregnancy here; doses in `drug_doses.py`, the law in `drug_law.py`. Rules, levels and
sources: docs/reference/drug-safety.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lienmach.care import drug_danger, drug_doses, drug_law
from lienmach.care.catalogues import Row
from lienmach.care.drug_danger import BLOCK, INFORM, REASON, Danger
from lienmach.care.drug_facts import Allergy, Current, Facts
from lienmach.care.drug_formulary import Formulary, weight
from lienmach.care.drug_lines import RxLine

Lines = Sequence[tuple[Row, RxLine]]


def judge(facts: Facts, lines: Lines, formulary: Formulary) -> list[Danger]:
    """All dangers of these lines for this person, gravest first."""
    found: list[Danger] = []
    for index, (drug, line) in enumerate(lines):
        found += _allergies(facts, index, drug, formulary)
        found += _pregnancy(facts, index, drug, formulary)
        found += drug_doses.of_line(facts, index, drug, line, formulary)
        found += drug_law.of_line(facts, index, drug, line)
        for other in range(index + 1, len(lines)):
            found += _pair(drug, index, lines[other][0], (other,), formulary)
        for current in facts.current:
            found += _with_current(drug, index, current, formulary)
    found += drug_doses.of_ingredients(facts, lines, formulary)
    return drug_danger.gravest_first(found)


def _allergies(facts: Facts, index: int, drug: Row, formulary: Formulary) -> Iterator[Danger]:
    for part in formulary.parts(drug):
        for allergy in facts.allergies:
            level, key, group = _match(part["code"], allergy, formulary)
            if not level:
                continue
            if not allergy.is_sure and level == BLOCK:
                level = REASON
            name, said = part.get("name", part["code"]), allergy.words[:80]
            if key == "allergy-cross":
                where = formulary.groups[group]
                text = f"{drug.name}: {name} có thể dị ứng chéo với “{said}” ({where.name})."
                text_en = f"{drug.code}: {part['code']} may cross-react with the allergy “{said}”."
            else:
                text = f"{drug.name}: người bệnh dị ứng “{said}”. Hãy chọn thuốc khác nhóm."
                text_en = f"{drug.code}: the person is allergic to “{said}”. Choose a drug of another group."
            yield Danger(level, "allergy", index, text, text_en, key, f"{key}:{part['code']}")


def _match(code: str, allergy: Allergy, formulary: Formulary) -> tuple[str, str, str]:
    """(level, rule, group) of one ingredient and one allergy; an empty level where they have nothing in common."""
    if code in allergy.ingredients:
        return BLOCK, "allergy-ingredient", ""
    own = formulary.groups_of(code)
    theirs = set(allergy.groups)
    for other in allergy.ingredients:
        theirs |= formulary.groups_of(other)
    if own & theirs:
        return BLOCK, "allergy-group", min(own & theirs)
    best = ("", "", "")
    for group in sorted(theirs):
        row = formulary.groups.get(group)
        for crossed in sorted(own & set(row.data.get("cross", ()))) if row else ():
            level = row.data.get("cross_level", {}).get(crossed, INFORM) if row else INFORM
            if not best[0] or weight(level) > weight(best[0]):
                best = (level, "allergy-cross", crossed)
    return best


def _pregnancy(facts: Facts, index: int, drug: Row, formulary: Formulary) -> Iterator[Danger]:
    for applies, name, rule in (
        (facts.is_pregnant, "pregnancy", "pregnancy"),
        (facts.is_breastfeeding, "breastfeeding", "breastfeeding"),
    ):
        if not applies:
            continue
        for part in formulary.parts(drug):
            said = formulary.about(part["code"]).get(name)
            if said:
                level = said.get("level", INFORM)
                if not drug.data.get("is_systemic", True):
                    level = INFORM  # little of a cream or drop reaches the blood
                yield Danger(
                    level, "pregnancy", index, f"{drug.name}: {said.get('text', '')}",
                    f"{drug.code}: {said.get('en', '')}", rule, f"{rule}:{part['code']}",
                )  # fmt: skip


def _with_current(drug: Row, index: int, current: Current, formulary: Formulary) -> Iterator[Danger]:
    for one in _pair(drug, index, current.drug, (), formulary):
        if one.kind == "duplicate" and current.is_refill:
            yield Danger(
                INFORM, one.kind, index, f"{drug.name}: đơn trước còn thuốc vài ngày.",
                f"{drug.code}: a few days of the earlier prescription are left.", "duplicate-refill", one.key,
            )  # fmt: skip
        elif not current.is_refill or one.level != INFORM:
            yield one


def _pair(one: Row, index: int, other: Row, others: tuple[int, ...], formulary: Formulary) -> Iterator[Danger]:
    """Duplicates and interactions of two drugs; those that act on the spot only do not meet in the blood."""
    if not (one.data.get("is_systemic", True) and other.data.get("is_systemic", True)):
        return
    for left in formulary.parts(one):
        for right in formulary.parts(other):
            if left["code"] == right["code"]:
                yield Danger(
                    REASON, "duplicate", index, f"Trùng hoạt chất {left.get('name', '')}: {one.name} và {other.name}.",
                    f"The same ingredient {left['code']} in {one.code} and {other.code}.",
                    "duplicate", f"duplicate:{left['code']}", others,
                )  # fmt: skip
                continue
            rule = formulary.interaction(left["code"], right["code"])
            if rule is not None:
                pair = "+".join(sorted((left["code"], right["code"])))
                yield Danger(
                    rule.data["level"], "interaction", index, f"{one.name} và {other.name}: {rule.data.get('text', '')}.",
                    f"{one.code} and {other.code}: {rule.data.get('en', '')}.",
                    f"interaction {rule.code}", f"interaction:{pair}", others,
                )  # fmt: skip

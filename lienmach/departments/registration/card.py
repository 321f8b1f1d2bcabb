"""Any FHIR resource as a readable card: every element in words, none left out.

Pure: a resource (dict with Decimals) and the definitions in, a tree of `Fact` out; the template draws it. Values
are formatted by their datatype; what the line of a datatype already says is not said twice below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from lienmach.departments.registration import fhir_words, narrative, values
from lienmach.standards.fhir.definitions import Definitions
from lienmach.web import formats

_SYSTEMS = {
    "http://snomed.info/sct": "SNOMED CT",
    "http://loinc.org": "LOINC",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://unitsofmeasure.org": "UCUM",
    "http://www.whocc.no/atc": "ATC",
    "urn:iso:std:iso:3166": "ISO 3166",
    "urn:ietf:bcp:47": "BCP 47",
    "urn:iso:std:iso:4217": "ISO 4217",
}
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_DEPTH_MAX = 24
_BASE64_SHOWN_MAX = 100  # a hash is shown, a file is counted
_ABOUT_THE_DATA = ("text", "extension", "modifierExtension", "contained", "meta", "implicitRules", "language", "id")


@dataclass(frozen=True)
class Fact:
    """label: the element in words; key: its path, such as `name[0].given[1]`. text: its value on one line.

    code: the coded original, in small. href: where a reference leads. story: sanitised HTML of a narrative.
    """

    label: str
    key: str
    text: str = ""
    code: str = ""
    href: str = ""
    story: str = ""
    children: tuple[Fact, ...] = field(default=())


@dataclass(frozen=True)
class Reader:
    """How to read: definitions, language, zone, the URL prefix under which references open ("" for none).

    names: what references without a display are called, by literal reference.
    """

    definitions: Definitions
    language: str
    zone: ZoneInfo
    link_prefix: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    def read(self, resource: dict[str, Any]) -> tuple[Fact, ...]:
        """The facts of a resource, in the order in which they were sent; what speaks about the data comes last."""
        said = {name: value for name, value in resource.items() if name.removeprefix("_") not in _ABOUT_THE_DATA}
        ordered = said | {
            name: value
            for last in _ABOUT_THE_DATA
            for name, value in resource.items()
            if name.removeprefix("_") == last
        }
        return self._children(ordered, str(resource.get("resourceType", "")), "", frozenset({"resourceType"}), 0)

    def _children(
        self, value: dict[str, Any], path: str, key: str, covered: frozenset[str] | set[str], depth: int
    ) -> tuple[Fact, ...]:
        if depth > _DEPTH_MAX:
            return ()
        found: list[Fact] = []
        for name, inner in value.items():
            plain = name.removeprefix("_")
            if plain in covered or (name != plain and plain in value):
                continue
            found += self._element(
                value, path, plain, inner if name == plain else None, f"{key}.{plain}" if key else plain, depth
            )
        return tuple(found)

    def _element(
        self, parent: dict[str, Any], path: str, name: str, value: Any, key: str, depth: int
    ) -> Iterator[Fact]:
        stem, datatype, below = self._kind(path, name)
        label = fhir_words.element_word(stem, self.language)
        beside = parent.get(f"_{name}")
        if isinstance(value, list) or isinstance(beside, list):
            inside = value if isinstance(value, list) else [None] * len(beside or [])
            extras = beside if isinstance(beside, list) else [None] * len(inside)
            extras = extras + [None] * (len(inside) - len(extras))
            pairs = enumerate(zip(inside, extras, strict=False))
            for number, (one, extra) in pairs:
                yield self._one(label, datatype, below, one, extra, f"{key}[{number}]", depth)
        else:
            yield self._one(label, datatype, below, value, beside, key, depth)

    def _kind(self, path: str, name: str) -> tuple[str, str, str]:
        """(name without datatype, datatype, path of the children) of an element."""
        try:
            known = self.definitions.elements(path)
        except KeyError:
            return name, "", ""
        element, datatype = known.get(name), ""
        if element is None:
            element = next((one for one in known.values() if one.is_choice and name.startswith(one.name)), None)
            if element is None:
                return name, "", ""
            suffix = name[len(element.name) :]
            datatype = next((one for one in element.types if one[:1].upper() + one[1:] == suffix), suffix)
            return element.name, datatype, datatype
        return name, element.types[0] if element.types else "", self.definitions.type_of_children(path, element)

    def _one(self, label: str, datatype: str, below: str, value: Any, beside: Any, key: str, depth: int) -> Fact:
        if isinstance(value, dict):
            fact = self._complex(label, datatype, below, value, key, depth)
        else:
            fact = self._primitive(label, datatype, value, key)
        if isinstance(beside, dict):  # extensions and id of a primitive stand in its `_name` twin
            fact = replace(
                fact, children=fact.children + self._children(beside, "Element", key, frozenset(), depth + 1)
            )
        return fact

    def _primitive(self, label: str, datatype: str, value: Any, key: str) -> Fact:
        if value is None:
            return Fact(label, key)
        if isinstance(value, bool):
            return Fact(
                label, key, ("Có" if value else "Không") if self.language == "vi" else ("Yes" if value else "No")
            )
        if datatype in ("date", "dateTime", "instant"):
            return Fact(label, key, formats.moment(str(value), self.zone), str(value) if "T" in str(value) else "")
        if datatype == "code":
            word = fhir_words.code_word(str(value), self.language)
            return Fact(label, key, word or str(value), str(value) if word and word != value else "")
        if datatype == "base64Binary" and len(str(value)) > _BASE64_SHOWN_MAX:
            return Fact(label, key, f"{formats.number(len(str(value)) * 3 // 4)} byte")
        if not isinstance(value, str):
            return Fact(label, key, formats.number(value))
        return Fact(label, key, value, href=self._href(value) if datatype == "canonical" else "")

    def _complex(self, label: str, datatype: str, below: str, value: dict[str, Any], key: str, depth: int) -> Fact:
        if "resourceType" in value and datatype in ("Resource", ""):
            kind = str(value["resourceType"])
            return Fact(
                label,
                key,
                fhir_words.type_word(kind, self.language),
                children=self._children(value, kind, key, frozenset({"resourceType"}), depth + 1),
            )
        text, code, covered = self._line(datatype, value)
        href = self._href(str(value.get("reference", ""))) if datatype == "Reference" else ""
        story = narrative.clean(str(value.get("div", ""))) if datatype == "Narrative" else ""
        if datatype == "Extension":
            label, covered = self._extension_label(value), {*covered, "url"}
            code = str(value.get("url", ""))
        children = self._children(value, below or datatype, key, covered, depth + 1)
        if datatype in ("HumanName", "Address", "Identifier", "ContactPoint"):
            children = tuple(child for child in children if child.children or child.code or child.text not in text)
        if datatype == "CodeableConcept" and len(children) == 1 and children[0].text == text:
            return replace(children[0], label=label, key=key)  # one coding that says the same
        if datatype == "Extension" and len(children) == 1 and not children[0].children:
            only = children[0]
            return Fact(label, key, only.text, " · ".join(part for part in (only.code, code) if part), only.href)
        return Fact(label, key, text, code, href, story, children)

    def _line(self, datatype: str, value: dict[str, Any]) -> tuple[str, str, set[str]]:
        """(text, coded original, the elements that both together say) for a datatype."""
        if datatype == "Coding":
            word = values.concept(value, self.language)
            system = str(value.get("system", ""))
            own, sign = str(value.get("display", "")), str(value.get("code", ""))
            parts = ["" if own == word else own, "" if sign in (word, own) and own != word else sign, _system(system)]
            return word, " · ".join(part for part in parts if part), {"code", "system", "display"}
        if datatype == "CodeableConcept":
            return (
                values.concept(value, self.language),
                "",
                {"text"} if value.get("text") == values.concept(value, self.language) else set(),
            )
        if datatype in ("Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity"):
            exact = formats.number(value.get("value"))
            said = values.quantity(value, self.language)
            unit = str(value.get("unit", ""))
            coded = str(value.get("code", ""))
            unsaid = [
                exact if exact not in said else "",
                unit if unit not in said else "",
                coded if coded != unit else "",
                _system(str(value.get("system", ""))),
            ]
            return said, " · ".join(part for part in unsaid if part), {"value", "unit", "code", "system", "comparator"}
        if datatype == "Reference":
            target = str(value.get("reference", ""))
            kind = target.partition("/")[0]
            shown = (
                str(value.get("display", ""))
                or self.names.get(target, "")
                or (
                    fhir_words.type_word(kind, self.language)
                    if self.definitions.is_resource_type(kind)
                    else values.reference(value)
                )
            )
            return shown, target if target != shown else "", {"reference", "display", "type"}
        if datatype == "Identifier":
            return str(value.get("value", "")), str(value.get("system", "")), {"value", "system"}
        if datatype == "Period":
            return values.period(value, self.zone), "", {"start", "end"}
        if datatype == "Money":
            return values.any_value("Money", value, self.language, self.zone), "", {"value", "currency"}
        if datatype == "HumanName":
            return values.human_name(value), "", {"text"}
        if datatype == "Address":
            return values.address(value), "", {"text"}
        if datatype == "ContactPoint":
            return str(value.get("value", "")), "", {"value"}
        if datatype == "Annotation":
            return str(value.get("text", "")), "", {"text"}
        if datatype == "Narrative":
            return "", "", {"div"}
        return "", "", set()

    def _extension_label(self, value: dict[str, Any]) -> str:
        return fhir_words.split(str(value.get("url", "")).rstrip("/").rpartition("/")[2]) or "Extension"

    def _href(self, reference: str) -> str:
        parts = reference.split("/")
        if self.link_prefix and len(parts) == 2 and self.definitions.is_resource_type(parts[0]):
            return f"{self.link_prefix}/{parts[0]}/{parts[1]}"
        return ""


def _system(uri: str) -> str:
    """A short name for a well-known code system, else its URI whole."""
    hl7 = uri.removeprefix("http://terminology.hl7.org/CodeSystem/")
    return _SYSTEMS.get(uri) or (f"HL7 {hl7}" if hl7 != uri else uri)


def references_of(resource: Any) -> Iterator[str]:
    """The literal references of a resource that say no display, such as `Practitioner/1`."""
    if isinstance(resource, dict):
        target = resource.get("reference")
        if isinstance(target, str) and not resource.get("display"):
            yield target
        for inner in resource.values():
            yield from references_of(inner)
    elif isinstance(resource, list):
        for inner in resource:
            yield from references_of(inner)


@dataclass(frozen=True)
class Difference:
    """One line of two versions side by side. state: same, changed, added, gone."""

    label: str
    left: str
    right: str
    state: str


def compare(left: tuple[Fact, ...], right: tuple[Fact, ...]) -> list[Difference]:
    """The facts of two versions line by line, in the order of the newer one; a line that is gone keeps its place."""
    before, after = dict(_flat(left, "")), dict(_flat(right, ""))
    keys = list(after)
    for number, key in enumerate(before):
        if key not in after:
            keys.insert(min(number, len(keys)), key)
    lines = []
    for key in keys:
        label, old = before.get(key, ("", ""))
        label, new = after.get(key, (label, ""))
        state = "added" if key not in before else "gone" if key not in after else "same" if old == new else "changed"
        lines.append(Difference(label, old, new, state))
    return lines


def _flat(facts: tuple[Fact, ...], above: str) -> Iterator[tuple[str, tuple[str, str]]]:
    for fact in facts:
        label = f"{above} › {fact.label}" if above else fact.label
        text = " · ".join(part for part in (fact.text or narrative.text(fact.story), fact.code) if part)
        if text:
            yield fact.key, (label, text)
        yield from _flat(fact.children, label)


def pretty(body: bytes) -> str:
    """The body as sent, with line breaks and indents put between its tokens; every value keeps its characters."""
    text, out, depth, at = body.decode(), [], 0, 0
    while at < len(text):
        char = text[at]
        if char == '"':
            end = _STRING.match(text, at).end()  # type: ignore[union-attr]  # stored bodies are valid JSON
            out.append(text[at:end])
            at = end
            continue
        if char in "{[":
            rest = text[at + 1 :].lstrip()[:1]
            if rest and rest in "}]":
                out.append(char + rest)
                at = text.index(rest, at + 1) + 1
                continue
            depth += 1
            out.append(f"{char}\n{'  ' * depth}")
        elif char in "}]":
            depth -= 1
            out.append(f"\n{'  ' * depth}{char}")
        elif char == ",":
            out.append(f",\n{'  ' * depth}")
        elif char == ":":
            out.append(": ")
        elif not char.isspace():
            out.append(char)
        at += 1
    return "".join(out)

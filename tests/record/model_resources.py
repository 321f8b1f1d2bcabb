"""Hypothesis strategies for small patients and observations: few values, so that they meet often."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

SYSTEM = "http://x"
PATIENT_IDS = ["p1", "p2", "p3"]
OTHER_IDS = ["o1", "o2", "o3"]
NAMES = {"Nguyễn Văn An": "nguyen van an", "Đặng Thị Đường": "dang thi duong", "Trần Bình": "tran binh"}
GENDERS = ["male", "female", "other"]
BIRTHS = ["1958", "1958-02", "1958-02-03", "2001-12-31"]
VALUES = ["1", "2", "3"]
CODES = ["a", "b"]
DAYS = ["2024-01-01", "2024-01-02T10:00:00+07:00", "2023"]

patients = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "name": st.sampled_from(list(NAMES)).map(lambda text: [{"text": text}]),
        "gender": st.sampled_from(GENDERS),
        "birthDate": st.sampled_from(BIRTHS),
        "active": st.booleans(),
        "identifier": st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True).map(
            lambda values: [{"system": SYSTEM, "value": one} for one in values]
        ),
    },
)
observations = st.fixed_dictionaries(
    {
        "resourceType": st.just("Observation"),
        "status": st.sampled_from(["final", "amended"]),
        "code": st.sampled_from(CODES).map(lambda code: {"coding": [{"system": SYSTEM, "code": code}]}),
    },
    optional={
        "subject": st.sampled_from(PATIENT_IDS).map(lambda one: {"reference": f"Patient/{one}"}),
        "effectiveDateTime": st.sampled_from(DAYS),
        "valueQuantity": st.integers(-5, 5).map(
            lambda value: {"value": value, "code": "kg", "unit": "kg", "system": "http://unitsofmeasure.org"}
        ),
        "identifier": st.sampled_from(VALUES).map(lambda value: [{"system": SYSTEM, "value": value}]),
    },
)
resources = st.one_of(patients, observations)


def plain(resource: dict[str, Any]) -> dict[str, Any]:
    """Without what the store gives: id and the version in meta."""
    return {name: value for name, value in resource.items() if name not in ("id", "meta")}

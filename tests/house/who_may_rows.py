"""Print the rows of `who_may.csv` that the program would answer today, for a person to read and keep or to disagree with.

python -m tests.house.who_may_rows outpatient    # the pages of a department
python -m tests.house.who_may_rows fhir          # the FHIR rows of the table as they stand, answers computed anew
"""

from __future__ import annotations

import csv
import importlib
import sys

from starlette.routing import Route

from lienmach.identity import roles
from tests.house import test_who_may as who


def main(name: str) -> None:
    """Write the rows to standard output."""
    columns = [*roles.ROLES, who.NOBODY]
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["door", "what", "target", *columns])
    for row in _fhir(columns) if name == "fhir" else _pages(name, columns):
        out.writerow(row)


def _pages(name: str, columns: list[str]) -> list[list[str]]:
    department = importlib.import_module(f"lienmach.departments.{name}.department").DEPARTMENT
    found = []
    for route in department.routes:
        assert isinstance(route, Route)
        right = getattr(route.endpoint, "right", "")
        is_public = getattr(route.endpoint, "is_public", False)
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            answers = [
                "yes" if is_public or (role != who.NOBODY and roles.may(who.actor(role), right)) else "no"
                for role in columns
            ]
            found.append(["page", method, route.path, *answers])
    return found


def _fhir(columns: list[str]) -> list[list[str]]:
    found = []
    with (who.HERE / "who_may.csv").open(encoding="utf-8", newline="") as text:
        for line in csv.DictReader(text):
            head = [line["door"], line["what"], line["target"]]
            if line["door"] == "page":
                given = {name: line.get(name) or "" for name in columns}
                same = set(given.values()) - {""} == {"yes"}
                found.append([*head, *(given[name] or ("yes" if same else "no") for name in columns)])
                continue
            if line["target"] == "*":
                found.append(
                    [*head, *("yes" if name != who.NOBODY or line[name] == "yes" else "no" for name in columns)]
                )
                continue
            interaction = line["what"].split()[0]
            kinds = who.groups()[line["target"]]
            answers = []
            for role in columns:
                said = (
                    {who.may(who.actor(role), who.ASKED[interaction], kind) for kind in kinds}
                    if role != who.NOBODY
                    else {False}
                )
                if len(said) > 1:
                    print(f"split the group {line['target']}: {role} {interaction}", file=sys.stderr)
                answers.append("yes" if said == {True} else "no")
            found.append([*head, *answers])
    return found


if __name__ == "__main__":
    main(sys.argv[1])

"""Small faults to plant in a claim, each with the rule that must catch it: name, rule, table, field, what is changed.

`mutate(case)` changes the tables or their surroundings in place and says whether the claim has what it needs for it.
`also`: rules that rightly speak too. The same faults are planted in the claims of demo visits, where only the tables
are at hand; those that need surroundings (`is_around`) are passed over there.
"""

from __future__ import annotations

from tests.standards import planted_lines, planted_persons, planted_times
from tests.standards.planting import Fault

FAULTS: tuple[Fault, ...] = (*planted_persons.FAULTS, *planted_lines.FAULTS, *planted_times.FAULTS)

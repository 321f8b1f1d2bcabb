"""Insurance: the card of a person, and what waits to be sent to systems outside."""

from lienmach.departments.insurance.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

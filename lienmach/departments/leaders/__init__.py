"""Leaders: the day in figures, prescribing against peers, totals for the health department."""

from lienmach.departments.leaders.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

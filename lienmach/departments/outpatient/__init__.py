"""Outpatient: the work list of a room, the chart of a visit, orders, prescription and papers, and its signed end."""

from lienmach.departments.outpatient.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

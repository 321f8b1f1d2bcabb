"""The citizen's own record: appointments, results, prescriptions, bills, papers, and who opened it."""

from lienmach.departments.citizen.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

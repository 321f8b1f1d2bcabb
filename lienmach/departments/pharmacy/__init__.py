"""Pharmacy: give out what insurance pays, keep the stock, sell what the patient pays alone."""

from lienmach.departments.pharmacy.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

"""Billing: bills, payments, deposits, refunds, shifts, and money that came by the bank."""

from lienmach.departments.billing.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

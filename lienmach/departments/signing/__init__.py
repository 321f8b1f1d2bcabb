"""Signing: one's own key and PIN, and what stands signed on a document."""

from lienmach.departments.signing.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

"""The laboratory: specimens, analysers, results, critical values, quality control."""

from lienmach.departments.laboratory.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

"""Administration: what the facility keeps about itself. Code lists, prices and rules; templates of printed papers."""

from lienmach.departments.administration.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

"""Registration: who comes. Find a person, register one, and open the life-long record."""

from lienmach.departments.registration.department import DEPARTMENT

__all__ = ["DEPARTMENT"]

"""Fixtures of the hostile tests; the words are in conftest_hostile.py, which tests import by name."""

from conftest_hostile import world

__all__ = ["world"]

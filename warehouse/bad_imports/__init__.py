"""Imports that look wrong against all that their source said before: found, and held back."""

from warehouse.bad_imports.search import find_bad_imports, hold_back, watch

__all__ = ["find_bad_imports", "hold_back", "watch"]

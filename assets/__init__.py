"""Calibrations and adapters that ship with the project."""

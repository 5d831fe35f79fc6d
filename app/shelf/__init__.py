"""Asking several documents one question."""

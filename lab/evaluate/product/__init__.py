"""Measuring answers as people get them: through `Library`, with evidence and confidence."""

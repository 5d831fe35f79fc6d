"""Summaries, made from the state, and key passages, quoted from the text."""

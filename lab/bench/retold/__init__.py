"""Summaries of whole texts, made in several ways, against those that people wrote."""

"""Summaries of chapters and of the book, made from the state, and key passages quoted from the text."""

"""Answering: looks at the state, evidence, confidence, conversations."""

"""The exceptions of this package: each message names the value, the limit and the remedy."""

from __future__ import annotations


class ModelError(Exception):
    """Root of everything that this package refuses."""


class UnsupportedModel(ModelError):
    """A checkpoint whose architecture the decoder does not implement exactly."""


class BrokenCheckpoint(ModelError):
    """A checkpoint that is incomplete, damaged or not what its hash says."""


class ModelNotFound(ModelError):
    """A backbone that is neither on this disk nor allowed to be fetched."""


class NotEnoughMemory(ModelError):
    """A backbone of which not even one layer at a time fits the memory."""


class BrokenState(ModelError):
    """A saved memory state whose version, shapes or hashes do not fit."""


class InvalidRequest(ModelError):
    """A value outside what a memory or the generation loop can take."""


class BadData(ModelError):
    """A data file for evaluation or calibration that is not in the documented form."""

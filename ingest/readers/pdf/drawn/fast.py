"""The calls to PDFium that are made for every word, with plain numbers for pointers.

A book has some hundred thousand words. ctypes makes an object of every pointer that it is given
and gives, which takes longer than what PDFium does. The functions are made when this is imported:
later, the child that reads files forbids it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from struct import Struct
from typing import Any

import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

BOX = Struct("4f")
"""FS_RECTF: left, top, right, bottom."""


def address(pointer: Any) -> int:
    """The address in a pointer; 0 of a null pointer."""
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def _with_numbers(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A function of PDFium that takes and gives addresses as numbers."""
    return ctypes.CFUNCTYPE(result, *arguments)(address(function))


object_of = _with_numbers(
    pdfium.FPDFText_GetTextObject, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int
)
"""object_of(text, character): the address of the text object, or None."""

loose_box = _with_numbers(
    pdfium.FPDFText_GetLooseCharBox, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
)
"""loose_box(text, character, where): whether the box of a character was written there."""

has_no_meaning = _with_numbers(
    pdfium.FPDFText_HasUnicodeMapError, ctypes.c_int, ctypes.c_void_p, ctypes.c_int
)
"""has_no_meaning(text, character): 1 if PDFium only guesses what it means."""

"""A page of a PDF as the program shows it: a picture, and the letters on it with their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SCALE = 10_000
"""Boxes are in parts of this of the picture's width and height."""

MOST_LETTERS = 20_000  # of a page; what comes after is not marked


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page: ``picture`` is JPEG; ``boxes`` has left, top, right and bottom of each letter.

    ``pages``: how many pages the file has.
    """

    pages: int
    width: int
    height: int
    letters: str
    boxes: Sequence[int]
    picture: bytes

    def box(self, letter: int) -> Box:
        """The box of a letter, by its number."""
        return Box(*self.boxes[4 * letter : 4 * letter + 4])


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in parts of `SCALE` of its width and height."""

    left: int
    top: int
    right: int
    bottom: int

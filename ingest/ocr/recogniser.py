"""RapidOCR's recogniser with the models of its wheel, and nothing from the network."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HOW_TO_GET = 'pip install "bookstate[ocr]"'
_NEEDED = ("rapidocr", "onnxruntime")
_MODELS = ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")
_TURNED = "ch_ppocr_mobile_v2.0_cls_mobile.onnx"
_LONGEST_SIDE = 2_000  # pixels; larger pictures are made smaller, which costs no letters
_DOUBTFUL = 0.9  # a line that is less sure is read again


class NoRecogniser(Exception):
    """The extra `ocr` is not installed, or its models are missing; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text on a picture, where it stands in pixels, and how sure it is, from 0 to 1."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    sure: float


def is_installed() -> bool:
    """Whether the extra is there; nothing is imported."""
    return all(importlib.util.find_spec(name) for name in _NEEDED)


class Recogniser:
    """Finds and reads the lines of a picture. Raises NoRecogniser."""

    def __init__(self) -> None:
        if not is_installed():
            raise NoRecogniser(f"Text recognition is not installed; get it with {HOW_TO_GET}.")
        import rapidocr  # type: ignore[import-not-found,unused-ignore]

        folder = Path(rapidocr.__file__).parent / "models"
        models = {name: folder / name for name in (*_MODELS, _TURNED)}
        # A model that is missing would be fetched from the network.
        if missing := [name for name, path in models.items() if not path.is_file()]:
            raise NoRecogniser(
                f"The recogniser's model {missing[0]} is missing; install it again with"
                f" {HOW_TO_GET}."
            )
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        self._read: Any = rapidocr.RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.max_side_len": _LONGEST_SIDE,
                "Det.model_path": str(models[_MODELS[0]]),
                "Rec.model_path": str(models[_MODELS[1]]),
                "Cls.model_path": str(models[_TURNED]),
                "EngineConfig.onnxruntime.intra_op_num_threads": 2,
            }
        )

    def lines(self, picture: Any) -> list[Line]:
        """The lines of a picture, an array of (height, width, 3) bytes, from top to bottom."""
        found = self._read(picture)
        if found.boxes is None:
            return []
        slope = _slope(found.boxes)
        lines = []
        for text, box, sure in zip(found.txts, found.boxes, found.scores, strict=True):
            if sure < _DOUBTFUL:
                text, sure = self._again(picture, box, text, float(sure))
            if text.strip():
                lines.append(Line(text, *_edges(box, slope), float(sure)))
        return sorted(lines, key=lambda line: (line.top, line.left))

    def _again(self, picture: Any, box: Any, text: str, sure: float) -> tuple[str, float]:
        """Read a doubtful line again in two halves, and take what is surer.

        A long line that comes out as loose letters is read well in shorter pieces.
        """
        left, top = (max(0, int(min(corner[n] for corner in box))) for n in (0, 1))
        right, bottom = (int(max(corner[n] for corner in box)) + 1 for n in (0, 1))
        cut = _gap(picture[top:bottom, left:right])
        texts: list[str] = []
        scores: list[float] = []
        for piece in (
            picture[top:bottom, left : left + cut],
            picture[top:bottom, left + cut : right],
        ):
            found = self._read(piece, use_cls=False) if piece.size else None
            if found is not None and found.txts:
                texts += found.txts
                scores += found.scores
        again = sum(scores) / len(scores) if scores else 0.0
        return (" ".join(texts), again) if again > sure else (text, sure)


def _gap(line: Any) -> int:
    """Where a picture of a line is lightest near its middle: between two words."""
    light = line.mean(axis=(0, 2))
    width = len(light)
    window = max(3, line.shape[0] // 5)
    first, last = width // 3, width - width // 3
    if last - first < window:
        return width // 2
    sums = [float(light[at : at + window].sum()) for at in range(first, last - window)]
    return first + max(range(len(sums)), key=sums.__getitem__) + window // 2 if sums else width // 2


def _slope(boxes: Any) -> float:
    """How far the lines of a page sink from left to right: the slope of the longest, in median."""
    tops = [(box[0], box[1]) for box in boxes]
    widths = sorted((float(b[0] - a[0]) for a, b in tops), reverse=True)
    least = widths[len(widths) // 2]
    slopes = [
        float(b[1] - a[1]) / float(b[0] - a[0]) for a, b in tops if b[0] - a[0] >= max(1, least)
    ]
    return median(slopes) if slopes else 0.0


def _edges(box: Any, slope: float) -> tuple[float, float, float, float]:
    """The left, top, right and bottom of four corners, as if the page's lines were level."""
    across = [float(x) for x, _ in box]
    down = [float(y) - slope * float(x) for x, y in box]
    top, bottom = (down[0] + down[1]) / 2, (down[2] + down[3]) / 2
    return min(across), min(top, bottom), max(across), max(top, bottom)

"""`bookstate bench ocr`: pictures of known text, recognised, against the text.

The pages are everyday papers that were written for this project, set in a serif face of 10.5 points
with 1.3 lines of space, turned a little and covered with noise, as a scanner would.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ingest.ocr.page_text import page_text
from ingest.ocr.recogniser import Recogniser
from lab.bench.plans import OcrPlan

_PAPERS = Path(__file__).parents[1] / "evaluate" / "everyday" / "papers.jsonl"
_POINTS = 10.5
_CHARACTERS = 80  # of a line
_LINES = 44  # of a page


def ocr_figures(plan: OcrPlan) -> dict[str, Any]:
    """The character error rate and the seconds a page at each resolution."""
    recogniser = Recogniser()
    pages = _pages(plan.pages)
    rows = []
    for dpi in (int(text) for text in plan.dpi):
        wrong = letters = 0
        started = perf_counter()
        for number, page in enumerate(pages):
            picture = _picture(page, dpi, plan.noise, plan.skew, plan.seed + number)
            read = page_text(recogniser.lines(picture))
            wrong += distance(_flat(page), _flat(read))
            letters += len(_flat(page))
        seconds = (perf_counter() - started) / len(pages)
        rows.append({"dpi": dpi, "character error": wrong / letters, "seconds a page": seconds})
    return {"pages": len(pages), "noise": plan.noise, "skew": plan.skew, "resolutions": rows}


def distance(one: str, other: str) -> int:
    """The fewest characters to insert, remove or replace that make one text of the other."""
    codes = np.frombuffer(other.encode("utf-32-le"), dtype=np.uint32)
    places = np.arange(len(codes) + 1)
    row = places.copy()
    for number, letter in enumerate(one, 1):
        changed = row[:-1] + (codes != ord(letter))
        best = np.minimum(row[1:] + 1, changed)
        row = np.concatenate(([number], best))
        row = np.minimum.accumulate(row - places) + places
    return int(row[-1])


def _flat(text: str) -> str:
    """A text on one line; what parts cells and lines is no letter."""
    return " ".join(text.replace(" | ", " ").split())


def _pages(count: int) -> list[str]:
    """The first pages of papers, broken into lines."""
    pages: list[str] = []
    for line in _PAPERS.read_text("utf-8").splitlines():
        paragraphs = json.loads(line)["text"].split("\n")
        lines = [part for p in paragraphs for part in textwrap.wrap(p, _CHARACTERS) or [""]]
        pages.append("\n".join(lines[:_LINES]))
        if len(pages) == count:
            break
    return pages


def _picture(page: str, dpi: int, noise: float, skew: float, seed: int) -> Any:
    """A page of A4 as a scanner sees it: an array of (height, width, 3) bytes."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    face = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf"
    size = _POINTS * dpi / 72
    font = ImageFont.truetype(str(face), round(size))
    sheet = Image.new("L", (round(8.27 * dpi), round(11.69 * dpi)), 250)
    ink = ImageDraw.Draw(sheet)
    for number, line in enumerate(page.split("\n")):
        ink.text((0.6 * dpi, 0.8 * dpi + number * 1.3 * size), line, font=font, fill=25)
    turned = sheet.rotate(skew, resample=Image.Resampling.BICUBIC, fillcolor=250)
    grey = np.asarray(turned, dtype=np.float64)
    grey = grey + np.random.default_rng(seed).normal(0, noise, grey.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)

"""Units of everyday papers: one alone, some together, or some among the pages of a book."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from lab.train.answering.papers.asking import Shown, ask_answerable, ask_unanswerable
from lab.train.answering.papers.drawing import Drawing, Exhausted
from lab.train.answering.papers.kinds import Kind
from lab.train.answering.papers.sheets import SHEETS, Sheet
from lab.train.answering.papers.writing import Paper, write_paper
from lab.train.examples import Mix, Span, Split, Unit, excerpt
from memory_models.errors import BadData

ALONE = 0.3  # share of windows that are papers and nothing else
MOST_PAPERS = 3  # in one window
FEWEST_ASKED = 4
UNANSWERABLE = 0.6  # of the share that the mix has: papers have lures enough
GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class Papers:
    """Everyday papers, and how often they are drawn."""

    weight: float

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise BadData(f"A source is drawn with a weight of at least 0, not {self.weight}.")

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """One or several windows with papers in them, and questions with their places."""
        is_page = rng.random() < mix.pages
        count = 1 if is_page else mix.draw_windows(rng)
        drawing = Drawing(rng, SHEETS[0].settings[0], "full")
        left = list(SHEETS)
        windows: list[str] = []
        shown: list[Shown] = []
        absent: list[Kind] = []
        for number in range(count):
            try:
                papers = _papers(drawing, 1 if is_page else rng.randint(1, MOST_PAPERS), left, rng)
            except Exhausted:
                return None
            text, starts = _window(papers, books, split, is_page=is_page, rng=rng)
            windows.append(text)
            shown += _shown(papers, starts, text, number)
            absent += [kind for paper in papers for kind in paper.sheet.kinds]
        most = rng.randint(FEWEST_ASKED, max(FEWEST_ASKED, mix.questions))
        asked = ask_answerable(shown, drawing, min(most, mix.questions), rng)
        if not asked:
            return None
        stated = {one.placed.fact.kind.name for one in shown}
        missing = [kind for kind in absent if kind.name not in stated and not kind.is_once]
        unanswerable = max(1, round(UNANSWERABLE * mix.unanswerable * len(asked)))
        asked += ask_unanswerable(shown, missing, drawing, unanswerable, rng)
        return Unit(tuple(windows), tuple(asked), is_page=is_page)


def _papers(drawing: Drawing, count: int, left: list[Sheet], rng: random.Random) -> list[Paper]:
    """Papers of types that are `left`, each type once: two letters would be confused."""
    papers: list[Paper] = []
    for _ in range(min(count, len(left))):
        sheet = left.pop(rng.randrange(len(left)))
        drawing.begin(rng.choice(sheet.settings), rng.choice(sheet.styles))
        papers.append(write_paper(sheet, drawing, rng))
    return papers


def _window(
    papers: Sequence[Paper],
    books: Sequence[str],
    split: Split,
    *,
    is_page: bool,
    rng: random.Random,
) -> tuple[str, list[int]]:
    """One window's text and where each paper begins in it; the last ones may be cut off."""
    around = "" if is_page or rng.random() < ALONE else excerpt(rng.choice(books), rng)
    together = GAP.join(paper.text for paper in papers)
    room = split(together + GAP + around)[0][1] if around else len(together)
    free = max(0, room - len(together) - 2 * len(GAP))
    cut = rng.randint(0, free) if around else 0
    before = around[:cut].rpartition(" ")[0]
    text = before + GAP if before else ""
    starts = []
    for paper in papers:
        starts.append(len(text))
        text += paper.text + GAP
    text = (text + around[cut:].partition(" ")[2]).strip() if around else text.strip()
    return text[: split(text)[0][1]], starts


def _shown(papers: Sequence[Paper], starts: Sequence[int], text: str, window: int) -> list[Shown]:
    """The facts that stand whole in a window."""
    return [
        Shown(placed, Span(start + placed.start, start + placed.end, window), paper.sheet.name)
        for paper, start in zip(papers, starts, strict=True)
        for placed in paper.placed
        if start + placed.end <= len(text)
    ]

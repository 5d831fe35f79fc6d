"""How good summaries of windows are: compared with people's, of the same window and of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.library import Library, OnProgress, quiet
from app.summaries.summarizer import Summarizer
from lab.evaluate.scores import mean, rouge_l
from lab.train.answering.summaries import NAME, Summarised, about_windows, read_summarised


def summaries(
    library: Library, data: Path, stories: int, on_progress: OnProgress = quiet
) -> dict[str, Any]:
    """Summarize every window of stories that training leaves out, from its slots.

    `rouge_l` is against people's sentences about the window, `rouge_l_elsewhere` against those
    about the window furthest from it: what the style alone is worth. `names_known` is the fraction
    of the summaries' names that the window contains.
    """
    rows = [
        row
        for story in read_summarised(data, held=True)[:stories]
        for row in _windows(library, story, on_progress)
    ]
    judged = [row for row in rows if row["people"]]
    names = [name in row["text"] for row in rows for name in NAME.findall(row["told"])]
    return {
        "stories": stories,
        "windows": len(rows),
        "judged": len(judged),
        "rouge_l": round(mean([rouge_l(r["told"], r["people"]) for r in judged]), 4),
        "rouge_l_elsewhere": round(mean([rouge_l(r["told"], r["elsewhere"]) for r in judged]), 4),
        "names": len(names),
        "names_known": round(mean([float(known) for known in names]), 4),
        "words": round(mean([float(len(r["told"].split())) for r in rows]), 1),
        "answers": [{"told": r["told"], "people": " / ".join(r["people"])} for r in rows],
    }


def _windows(library: Library, story: Summarised, on_progress: OnProgress) -> list[dict[str, Any]]:
    name = story.id.replace("/", "-")
    document = library.add(story.text.encode(), f"{name}.txt", on_progress=on_progress).document
    texts = [segment.text for segment in library.store.segments(document.reading)]
    told = Summarizer(library).windows(document, range(len(texts)))
    by_people = [about_windows(texts, summary) for summary in story.summaries]
    people = [[said[n] for said in by_people if said[n]] for n in range(len(texts))]
    spoken_of = [n for n, said in enumerate(people) if said]
    return [
        {
            "text": texts[n],
            "told": told[n],
            "people": people[n],
            "elsewhere": people[max(spoken_of, key=lambda other: abs(other - n), default=n)],
        }
        for n in range(len(texts))
    ]

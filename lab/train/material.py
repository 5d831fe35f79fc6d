"""What adapters are trained on, from files of records: sources, and probes to validate with."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from lab.evaluate.cases.babi import TASKS
from lab.evaluate.cases.records import Record, held_out, read_records
from lab.train.answering.babi import read_tales
from lab.train.answering.follow_ups import FollowUps
from lab.train.answering.papers.source import Papers
from lab.train.answering.sentences import read_sentences
from lab.train.examples import Material, Mix, Source, Split, Unit
from lab.train.training_file import TrainingFile
from lab.train.validation import Probe
from memory_models.errors import BadData

WHOLE = 0.95  # of a passage must be in the window that answers from it


def read_source(file: TrainingFile) -> Material:
    """Records that may be trained on: those of the split, without the one in eight held out.

    A file that names a validation split holds nothing else out.
    """
    if file.kind == "stories":
        return read_tales(file.path, file.weight, TASKS)
    if file.kind == "sentences":
        return read_sentences(file.path, file.weight, file.split)
    read = read_records(file.path, file.split, unanswerable=True)
    records = [r for r in read if any(q.answers for q in r.questions)]
    has_validation = any(r.split == "val" for r in read_records(file.path))
    kept = [r for r in records if has_validation or not held_out(r.id)]
    if not kept:
        raise BadData(f"{file.path.name} has no record with questions to train on.")
    if file.kind == "follow-ups":
        return FollowUps(tuple(kept), file.weight)
    return Source(tuple(kept), file.weight, planted=file.kind == "facts")


def make_probes(records: Sequence[Record], split: Split, count: int, seed: int = 1) -> list[Probe]:
    """Questions spread over the records, each with the window that holds its whole passage."""
    rng = random.Random(seed)
    probes: list[Probe] = []
    usable = [r for r in records if any(q.gold for q in r.questions)]
    if len(usable) < 2:
        raise BadData("Validation needs two records with located passages; choose another file.")
    for attempt in range(20 * count):
        record = usable[attempt % len(usable)]
        question = rng.choice([q for q in record.questions if q.gold])
        assert question.gold is not None
        start, end = question.gold
        windows = split(record.text)
        best = max(windows, key=lambda w: min(w[1], end) - max(w[0], start))
        if min(best[1], end) - max(best[0], start) < WHOLE * (end - start):
            continue
        other = rng.choice([r for r in usable if r.id != record.id])
        a, b = rng.choice(split(other.text))
        probes.append(
            Probe(
                question.question,
                question.answers,
                record.text[best[0] : best[1]],
                record.text[start:end],
                other.text[a:b],
            )
        )
        if len(probes) == count:
            return probes
    raise BadData(f"Only {len(probes)} of {count} probes found; ask for fewer.")


def make_paper_probes(books: Sequence[str], split: Split, count: int, seed: int = 1) -> list[Probe]:
    """Questions about made-up papers, one for each of them; the passage is the sentence alone."""
    papers, mix = Papers(1.0), Mix(pages=0.0)
    units: list[Unit] = []
    for number in itertools.count():
        unit = papers.unit(books, split, mix, random.Random(f"probe/{seed}/{number}"))
        if unit is not None:
            units.append(unit)
        if len(units) > count:
            break
    probes: list[Probe] = []
    for unit, other in itertools.pairwise(units):
        asked = next(a for a in unit.asked if a.span is not None and not a.abstained)
        assert asked.span is not None
        window = unit.windows[asked.span.window]
        passage = window[asked.span.start : asked.span.end]
        probes.append(Probe(asked.question, (asked.answer,), window, passage, other.windows[0]))
    return probes

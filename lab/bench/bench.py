"""What the documentation measures: planted facts, asking, reading, reopening, one novel.

Documents are kept in a separate library under the data folder, so that a stopped bench continues
and no document is read twice.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

from app.engine import backbone_folder
from app.errors import InvalidSetting
from app.library import Library, OnProgress, ReadProgress, quiet
from app.settings import Settings
from app.state_reader import Scope
from app.summaries.summarizer import Summarizer
from ingest.readers import read_book
from lab.bench.make_documents import make_epub, make_pdf
from lab.evaluate.cases.planted import Planted, plant
from lab.evaluate.cases.records import Record, read_records
from lab.evaluate.conditions import opened_page, plain_reading
from lab.evaluate.scores import contains
from memory_models.decoder import causal_attention
from memory_models.generate import Abstention, Decoding, Mixture, Trace, generate
from memory_models.memory import Reading
from memory_models.prompt import Prompt, build_prompt

TENTHS = 10
QUESTIONS = (
    "Who is speaking?",
    "Where did they go in the morning?",
    "What was in the letter?",
    "Why was he angry?",
    "Who came to the house?",
    "What did she answer?",
    "How did the journey end?",
)


def bench_settings(settings: Settings) -> Settings:
    """The same settings and backbone, with a separate library."""
    chosen = {"home": settings.home / "bench", "backbone": str(backbone_folder(settings))}
    return settings.model_copy(update=chosen)


def long_text(library: Library, data: Path, tokens: int) -> str:
    """Paragraphs of the val books in order, up to the one that reaches `tokens` tokens.

    They are counted one by one: encoding a million tokens at once would set the peak memory.
    """
    parts: list[str] = []
    count = 0
    for record in read_records(data, "val"):
        for paragraph in record.text.split("\n\n"):
            parts.append(paragraph)
            count += library.backbone.tokenizer.count(f"{paragraph}\n\n")
            if count >= tokens:
                return "\n\n".join(parts)
    raise InvalidSetting(
        f"{data.name} has {count:,} tokens of val books, {tokens:,} are asked for."
    )


# Planted facts


@dataclass(frozen=True, slots=True)
class FactAnswers:
    """What each condition answered to the question about one planted fact."""

    fact: str
    memory: str
    passage: str  # the tokens around the fact pasted in the prompt
    off: str
    wrong: str


def planted(
    library: Library, book: Record, other: Record, tokens: int, on_progress: OnProgress = quiet
) -> dict[str, Any]:
    """Plant twenty facts in `tokens` tokens of a book and ask for them in four ways."""
    tokenizer = library.backbone.tokenizer
    body = tokenizer.decode(tokenizer.encode(book.text)[:tokens])
    document = plant(body)
    known = library.add(document.text.encode(), "planted.txt", on_progress=on_progress).document
    strange = tokenizer.decode(tokenizer.encode(other.text)[:tokens])
    wrong = library.add(strange.encode(), "wrong-book.txt", on_progress=on_progress).document
    answers = []
    for number in range(len(document.facts)):
        answers.append(_fact_answers(library, document, number, known.id, wrong.id))
        on_progress(ReadProgress(known.id, number + 1, len(document.facts), 0.0, None))
    held = {
        way: sum(contains(getattr(a, way), a.fact) for a in answers)
        for way in ("memory", "passage", "off", "wrong")
    }
    return {
        "windows": known.reading.segments,
        "tokens": known.reading.tokens,
        "state_to_kv_cache": round(known.reading.state_bytes / known.reading.kv_cache_bytes, 5),
        "facts": len(answers),
        "contained": held,
        "memory_to_passage": round(held["memory"] / max(1, held["passage"]), 3),
        "answers": [asdict(a) for a in answers],
    }


def _fact_answers(
    library: Library, document: Planted, number: int, known: str, wrong: str
) -> FactAnswers:
    fact = document.facts[number]
    around = passage_around(library, document, number, 250)
    abstention = library.engine.abstention
    return FactAnswers(
        fact=fact.answer,
        memory=asked(library, known, fact.question),
        passage=answer_from_text(library, around, fact.question, abstention),
        off=answer_from_text(library, "", fact.question, abstention and _guessing(abstention)),
        wrong=asked(library, wrong, fact.question),
    )


def _guessing(abstention: Abstention) -> Abstention:
    """With nothing shown the answer adapter may not abstain: memory off is its best guess."""
    return replace(abstention, threshold=0.0)


def answer_from_text(
    library: Library, shown: str, question: str, abstention: Abstention | None
) -> str:
    """An answer with a text in the prompt, or kept whole as a window for an answer adapter."""
    if abstention is None:
        prompt = build_prompt(library.backbone.tokenizer, question, shown)
        return generated(library, plain_reading(library.backbone), prompt)
    memory = library.engine.new_adaptive()
    opened = opened_page(memory, memory.answers, shown, question)
    return generated(library, opened.reading(), opened.prompt, abstention)


def passage_around(library: Library, document: Planted, number: int, tokens: int) -> str:
    """`tokens` tokens of the text with the fact in their middle."""
    tokenizer, start = library.backbone.tokenizer, document.where[number]
    end = start + len(document.facts[number].sentence)
    room = (tokens - tokenizer.count(document.text[start:end])) // 2
    before = tokenizer.encode(document.text[max(0, start - 8 * room) : start])[-room:]
    after = tokenizer.encode(document.text[end : end + 8 * room])[:room]
    return tokenizer.decode([*before, *tokenizer.encode(document.text[start:end]), *after])


def asked(library: Library, document_id: str, question: str) -> str:
    """The text of an answer, as generated."""
    stream = library.ask(document_id, question)
    return "".join(stream)


def generated(
    library: Library, reading: Reading, prompt: Prompt, abstention: Abstention | None = None
) -> str:
    """A greedy continuation of a prompt under the product's decoding."""
    mixture = Mixture(reading, abstention)
    mixture.prefill(prompt.tokens, prompt.question)
    trace = Trace()
    decoding = Decoding(max_tokens=library.settings.answer_tokens)
    for _ in generate(mixture, library.backbone.tokenizer.chat.stops, decoding, trace):
        pass
    return library.backbone.tokenizer.decode(trace.tokens).strip()


# Costs


def reading(
    library: Library,
    data: Path,
    tokens: int,
    on_progress: OnProgress = quiet,
    memory: str | None = None,
) -> dict[str, Any]:
    """Tokens a second over the first and the last tenth of a long document, and peak memory.

    The peak is that of the whole process: measure one length a process.
    """
    text = long_text(library, data, tokens)
    moments: list[tuple[int, float]] = []

    def watch(progress: ReadProgress) -> None:
        moments.append((progress.segments_done, perf_counter()))
        on_progress(progress)

    started = perf_counter()
    name = f"{tokens}-tokens.txt"
    ingested = library.add(text.encode(), name, memory=memory, on_progress=watch)
    document, reading = ingested.document, ingested.document.reading
    if ingested.already_known or ingested.resumed or len(moments) != reading.segments:
        library.remove(document.id)
        raise InvalidSetting("This document was read (in part) before; run the bench again.")
    if reading.segments < TENTHS:
        library.remove(document.id)
        raise InvalidSetting(
            f"{tokens:,} tokens are {reading.segments} segments of this memory; speed is compared "
            f"over tenths, so give at least {TENTHS} segments' tokens."
        )
    counts = [s.tokens for s in library.store.segments(reading)]
    times = [perf for _, perf in moments]
    tenth = reading.segments // TENTHS
    first = sum(counts[1 : tenth + 1]) / (times[tenth] - times[0])
    last = sum(counts[-tenth:]) / (times[-1] - times[-1 - tenth])
    return {
        "memory": reading.memory,
        "tokens": reading.tokens,
        "segments": reading.segments,
        "seconds": round(times[-1] - started, 1),
        "tokens_per_second": round(reading.tokens / reading.seconds, 1),
        "first_tenth": round(first, 1),
        "last_tenth": round(last, 1),
        "ratio": round(last / first, 3),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "state_bytes": reading.state_bytes,
        "kv_cache_bytes": reading.kv_cache_bytes,
    }


def writing(library: Library, data: Path, windows: int) -> dict[str, Any]:
    """What keeping a state costs: for each window a plain pass, then the pass that keeps it."""
    memory = library.engine.new_adaptive()
    tokens = library.backbone.tokenizer.encode(long_text(library, data, windows * memory.window))
    plain, kept = [], []
    parts = torch.tensor(
        tokens[: windows * memory.window], device=library.backbone.decoder.device
    ).split(memory.window)
    for part in (parts[0], *parts):  # the first one warms up
        sequence = torch.cat((part.new_tensor(memory.sink), part))
        started = perf_counter()
        with torch.inference_mode():
            library.backbone.decoder.hidden(
                sequence.unsqueeze(0), causal_attention(library.backbone.decoder.rope)
            )
        between = perf_counter()
        memory.write(part, memory.empty())
        plain.append(between - started)
        kept.append(perf_counter() - between)
    return {
        "windows": windows,
        "plain_seconds": round(sum(plain[1:]), 2),
        "kept_seconds": round(sum(kept[1:]), 2),
        "ratio": round(sum(kept[1:]) / sum(plain[1:]), 3),
    }


def asking(
    library: Library, data: Path, short: int, long: int, on_progress: OnProgress = quiet
) -> dict[str, Any]:
    """First-token time on a short and a long document, asked in turn; and reopening."""
    documents = {}
    for tokens in (short, long):
        text = long_text(library, data, tokens)
        added = library.add(text.encode(), f"{tokens}-tokens.txt", on_progress=on_progress)
        documents[tokens] = added.document
    seconds: dict[int, list[float]] = {short: [], long: []}
    for turn, question in enumerate((QUESTIONS[0], *QUESTIONS)):
        for tokens, document in documents.items():
            stream = library.ask(document.id, question, Scope(), Decoding(max_tokens=4))
            for _ in stream:
                pass
            if turn:  # the first question of each warms its address book
                seconds[tokens].append(library.answer(document.id, stream).first_token_seconds)
    medians = {tokens: round(median(found), 4) for tokens, found in seconds.items()}
    return {
        "questions": len(QUESTIONS),
        "first_token_seconds": {str(tokens): value for tokens, value in medians.items()},
        "ratio": round(medians[long] / medians[short], 3),
        "reopen_seconds": [round(_reopen(library, documents[long].id), 2) for _ in range(3)],
        "threads": torch.get_num_threads(),
    }


def _reopen(library: Library, document_id: str) -> float:
    """Wall time from starting a process to the first byte of its answer."""
    command = [sys.executable, "-m", "app", "ask", document_id, QUESTIONS[1]]
    environment = {
        **os.environ,
        "BOOKSTATE_HOME": str(library.settings.home),
        "BOOKSTATE_BACKBONE": library.settings.backbone,
    }
    started = perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        seconds = perf_counter() - started
        process.stdout.read()
    if not first.strip():
        raise InvalidSetting("The new process gave no answer; run `bookstate doctor`.")
    return seconds


# A whole novel


def novel(
    library: Library, book: Record, questions: list[str], on_progress: OnProgress = quiet
) -> dict[str, Any]:
    """One novel as text, EPUB and PDF: read, asked and summarized; sizes, seconds, answers."""
    parsed = read_book(book.text.encode(), "novel.txt")
    files = {
        "novel.txt": book.text.encode(),
        "novel.epub": make_epub(book.title, parsed.text, parsed.chapters),
        "novel.pdf": make_pdf(book.title, parsed.text, parsed.chapters),
    }
    results: dict[str, Any] = {"title": book.title, "words": len(book.text.split()), "files": {}}
    for name, data in files.items():
        done = library.add(data, name, title=book.title, on_progress=on_progress)
        document, reading = done.document, done.document.reading
        summary = Summarizer(library).chapter(document, 1)
        results["files"][name] = {
            "id": document.id,
            "chapters": done.chapters,
            "pages": library.store.page_count(reading),
            "segments": reading.segments,
            "tokens": reading.tokens,
            "state_bytes": reading.state_bytes,
            "kv_cache_bytes": reading.kv_cache_bytes,
            "seconds": reading.seconds,
            "answers": [_shown(library, document.id, question) for question in questions],
            "first_chapter": summary.summary,
        }
    return results


def _shown(library: Library, document_id: str, question: str) -> dict[str, Any]:
    stream = library.ask(document_id, question)
    for _ in stream:
        pass
    answer = library.answer(document_id, stream)
    best = answer.sources[0]
    pages = {best.label_first, best.label_last}
    return {
        "question": question,
        "answer": answer.answer,
        "confidence": answer.confidence,
        "pages": "-".join(sorted(pages, key=lambda p: (len(p), p))),
        "weight": best.weight,
        "seconds": answer.seconds,
    }

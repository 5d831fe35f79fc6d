"""Summaries: made once, kept, and never without end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from weakref import WeakSet

import pytest
import torch
from novels import KINDS, Shelf, novel, read_novel

from app.errors import InvalidQuestion, NotReady, UnknownDocument
from app.library import Library, Stopped
from app.storage.store import BOOK
from app.summaries.summarizer import REQUEST, ROWS, Summarizer, named_again, whole_sentences
from app.summaries.told import Told, is_supported, sentences_of
from app.trained import AdaptedDecoder, TrainedParts
from ingest.segments import split_text
from memory_models.decoder import Decoder
from memory_models.errors import InvalidRequest
from memory_models.generate import Mixture
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.memories.slot_reading import SlotReading
from memory_models.memories.write_gate import WriteGate
from memory_models.memory import Bundle, Written
from memory_models.prompt import ABSTAINED, INSTRUCTION, TELL, build_prompt
from memory_models.recall import WindowMemory


@pytest.mark.parametrize("kind", KINDS)
def test_every_memory_makes_a_summary_of_a_chapter(shelf: Shelf, kind: str) -> None:
    library, document = shelf.libraries[kind], shelf.documents[kind]
    summary = Summarizer(library).chapter(document, 2)
    assert (summary.chapter, summary.title) == (2, "Chapter 2")
    assert library.store.summaries(document)[2] == summary


def test_what_was_made_is_not_made_again(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    document = read_novel(library)
    summarizer = Summarizer(library)
    book = summarizer.book(document)
    chapters = list(summarizer.chapters(document))
    assert library.store.summaries(document) == {BOOK: book, **{s.chapter: s for s in chapters}}
    monkeypatch.setattr(summarizer, "_each", None)
    assert summarizer.book(document) == book
    assert list(summarizer.chapters(document)) == chapters


def at_call(number: int, act: Callable[[], object]) -> Callable[[], None]:
    """A watch that acts once, when it is called for the `number`-th time."""
    calls = count(1)

    def watch() -> None:
        if next(calls) == number:
            act()

    return watch


@pytest.mark.parametrize("kind", ["adaptive", "melodi"])
@pytest.mark.parametrize("calls", [1, 5])
def test_a_summary_can_be_stopped_and_made_again(library: Library, kind: str, calls: int) -> None:
    document = read_novel(library, memory=kind)

    def stop() -> None:
        raise Stopped

    summarizer = Summarizer(library, at_call(calls, stop))
    with pytest.raises(Stopped):
        summarizer.chapter(document, 1)
    assert library.store.summaries(document) == {}
    made = summarizer.chapter(document, 1)
    assert library.store.summaries(document) == {1: made}


@pytest.mark.parametrize("kind", ["adaptive", "melodi"])
@pytest.mark.parametrize("step", [1, 3])
def test_a_document_that_is_deleted_meanwhile_is_unknown(
    library: Library, kind: str, step: int
) -> None:
    document = read_novel(library, memory=kind)
    watch = at_call(step, lambda: library.store.remove(document.id))
    with pytest.raises(UnknownDocument, match="has been deleted"):
        Summarizer(library, watch).chapter(document, 1)


def test_a_deleted_document_is_not_opened(library: Library) -> None:
    document = read_novel(library)
    stream = library.ask(document.id, "Who found the key?")
    list(stream)
    asked = library.ask(document.id, "Who found the key?")
    library.store.remove(document.id)
    with pytest.raises(UnknownDocument):
        list(asked)
    with pytest.raises(UnknownDocument):
        library.answer(document.id, stream)


def test_summaries_are_made_where_a_write_gate_scores_the_slots(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = WriteGate(library.backbone.config).state_dict()
    gate = WriteGate.from_weights(library.backbone.config, weights)
    monkeypatch.setattr(TrainedParts, "write_gate", lambda _, name="": gate)
    document = read_novel(library)
    assert gate.name in document.reading.memory_config
    assert Summarizer(library).chapter(document, 1).summary


def test_a_memory_that_says_nothing_gives_an_empty_summary(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_novel(library)
    summarizer = Summarizer(library)
    monkeypatch.setattr(summarizer, "_each", lambda memory, slots: [""] * len(slots))
    assert summarizer.book(document).summary == ""


def test_what_a_publisher_puts_around_the_work_is_not_summarised(library: Library) -> None:
    document = read_novel(library)
    library.store.db.execute("UPDATE chapters SET matter = 'front' WHERE number = 1")
    library.store.db.execute("UPDATE chapters SET matter = 'back' WHERE number = 3")
    assert [s.chapter for s in Summarizer(library).chapters(document)] == [2]
    assert Summarizer(library).chapter(document, 1).chapter == 1  # where one asks for it
    library.store.db.execute("UPDATE chapters SET matter = 'front'")
    assert len(list(Summarizer(library).chapters(document))) == 3


def test_summaries_that_do_not_get_shorter_come_to_an_end(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_novel(library)
    summarizer = Summarizer(library)
    sentence = "Mara found the key in the harbour and Tobias painted the lamp by the mill."
    monkeypatch.setattr(summarizer, "_each", lambda memory, slots: [sentence] * len(slots))
    monkeypatch.setattr("app.summaries.summarizer.BOOK_TOKENS", 4)
    assert not summarizer.book(document).summary.replace(sentence, "").strip()


def test_a_long_book_is_told_again_until_it_is_short(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_novel(library)
    summarizer = Summarizer(library)
    monkeypatch.setattr(summarizer, "_each", lambda memory, slots: ["Mara sang."] * len(slots))
    chapters = "\n".join(s.summary for s in summarizer.chapters(document))
    monkeypatch.setattr(
        "app.summaries.summarizer.BOOK_TOKENS", library.backbone.tokenizer.count(chapters) - 1
    )
    book = summarizer.book(document).summary
    assert len(book) < len(chapters) and set(book.split(". ")) <= {"Mara sang", "Mara sang."}


def test_a_long_text_is_told_in_groups_as_if_it_were_read_whole(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    summarizer, tokenizer = Summarizer(library), library.backbone.tokenizer
    text = novel().decode() * 2
    memory = summarizer._whole_memory()
    spans = list(split_text(text, tokenizer.count, memory.window))
    slots = [
        memory.write(torch.tensor(tokenizer.encode(text[start:end])), {}).left["slots"]
        for start, end in spans
    ]
    groups = [slots[first : first + ROWS] for first in range(0, len(slots), ROWS)]
    said = [told for group in groups for told in summarizer._each(memory, dict(enumerate(group)))]
    del slots, groups
    held: WeakSet[torch.Tensor] = WeakSet()
    most, write = 0, AdaptiveMemory.write

    def watched(self: AdaptiveMemory, *given: object) -> Written:
        nonlocal most
        written = write(self, *given)
        held.add(written.left["slots"]["keys"])
        most = max(most, len(held))
        return written

    monkeypatch.setattr(AdaptiveMemory, "write", watched)
    pieces = [text[start:end] for start, end in spans]
    kept = [
        sentence
        for piece, told in zip(pieces, said, strict=True)
        for sentence in sentences_of(told)
        if is_supported(sentence, piece)
    ]
    assert [part.text for part in summarizer._summed_up([Told(text, 1, 1)])] == kept
    assert len(spans) > 2 * ROWS and most == ROWS


def test_summaries_are_made_anew_when_asked_to(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_novel(library)
    Summarizer(library).book(document)
    monkeypatch.setattr(Summarizer, "_each", lambda self, memory, slots: ["new."] * len(slots))
    assert Summarizer(library).chapter(document, 1).summary != "new."
    again = Summarizer(library, again=True)
    made = list(again.chapters(document))
    assert all(set(s.summary.split()) == {"new."} for s in made)
    monkeypatch.setattr(Summarizer, "_windows", None)  # no chapter is made twice
    told = again.book(document).summary
    assert set(told.split()) == {"new."} and len(told) < len(" ".join(s.summary for s in made))
    assert library.store.summaries(document)[2] == made[1]


def test_what_is_not_there_is_not_summarised(library: Library) -> None:
    document = read_novel(library)
    summarizer = Summarizer(library)
    with pytest.raises(InvalidQuestion, match="chapters 1 to 3"):
        summarizer.chapter(document, 4)
    library.store.update_reading(document.reading.id, segments_done=1)
    with pytest.raises(NotReady, match="to segment 1 of"):
        summarizer.book(library.store.document(document.id))


def test_a_half_sentence_at_the_end_is_left_out() -> None:
    assert whole_sentences("She left.  He\nstayed! And th") == "She left. He stayed!"
    assert whole_sentences("no end at all") == "no end at all"
    assert whole_sentences("He met a man. The man met Mr. Brown and Dr.") == "He met a man."
    assert whole_sentences("“She left.” And th") == "“She left.”"


@pytest.mark.parametrize(
    ("said", "next_word", "banned"),
    [
        ("Holmes asks", " Holmes", True),
        ("Holmes asks", " Watson", False),
        ("Then the vicar, Émile, and", " Émile", True),
        ("Holmes asks. Then", " Holmes", False),  # another sentence
        ("Mrs Porter tells", " Mrs", False),
        ("Mrs. Porter tells", " Porter", True),
        ("Holmes asks", " Hohmes", True),  # misspelt
        ("Holmes asks", " homes", False),
    ],
)
def test_nobody_is_named_twice_in_a_sentence(
    library: Library, said: str, next_word: str, banned: bool
) -> None:
    tokenizer = library.backbone.tokenizer
    tokens, refused = tokenizer.encode(said), False
    for token in tokenizer.encode(next_word):
        refused |= token in named_again(tokenizer, tokens)
        tokens.append(token)
    assert refused == banned


def test_a_chapter_is_what_its_windows_tell(library: Library) -> None:
    document = read_novel(library)
    summarizer = Summarizer(library)
    chapters = library.store.segment_chapters(document.reading)
    inside = [n for n, chapter in enumerate(chapters) if chapter == 2]
    told = summarizer.windows(document, inside)
    segments = library.store.some_segments(document.reading, inside)
    kept = [
        sentence
        for number, text in zip(inside, told, strict=True)
        for sentence in sentences_of(text)
        if is_supported(sentence, segments[number].text)
    ]
    assert summarizer.chapter(document, 2).summary == " ".join(kept)


def test_the_summary_adapter_is_asked_where_there_is_one(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_novel(library)
    plain = Summarizer(library).windows(document, [0, 1])
    torch.manual_seed(1)
    other = Decoder(library.backbone.config).requires_grad_(False)
    other = other.to(library.backbone.decoder.dtype)
    monkeypatch.setattr(TrainedParts, "summaries", lambda _: AdaptedDecoder("other", other, 0))
    seen: list[list[int]] = []
    step = SlotReading.step

    def watched(self: SlotReading, tokens: torch.Tensor, last: int) -> torch.Tensor:
        seen.append(tokens.flatten().tolist())
        return step(self, tokens, last)

    monkeypatch.setattr(SlotReading, "step", watched)
    told = Summarizer(library).windows(document, [0, 1])
    assert seen[0] == build_prompt(library.backbone.tokenizer, TELL).tokens
    assert told != plain
    monkeypatch.setattr(library.backbone.tokenizer, "decode", lambda _: ABSTAINED)
    assert Summarizer(library).windows(document, [0, 1]) == ["", ""]


def test_a_recurrent_memory_has_no_windows_to_tell_of(library: Library) -> None:
    document = read_novel(library, memory="melodi")
    with pytest.raises(InvalidRequest, match=r"melodi.*cannot be opened segment by segment"):
        Summarizer(library).windows(document, [0])


def test_every_segment_of_a_long_chapter_is_summed_up(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = library.add(novel(chapters=1, sentences=60), "long.md").document
    assert document.reading.segments > 20
    summarizer, opened = Summarizer(library), list[int]()
    each = summarizer._each

    def watched(memory: WindowMemory, slots: Mapping[int, Bundle]) -> list[str]:
        opened.extend(slots)
        return each(memory, slots)

    monkeypatch.setattr(summarizer, "_each", watched)
    summarizer.chapter(document, 1)
    assert opened == list(range(document.reading.segments))


@pytest.mark.parametrize("memory", ["infini", "melodi"])
def test_a_recurrent_memory_is_not_asked_for_ten_words(
    library: Library, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_novel(library, memory=memory)
    prompts: list[str] = []
    prefill = Mixture.prefill

    def watched(self: Mixture, prompt: Sequence[int], question: slice) -> None:
        prompts.append(library.backbone.tokenizer.decode(prompt))
        prefill(self, prompt, question)

    monkeypatch.setattr(Mixture, "prefill", watched)
    Summarizer(library).chapter(document, 1)
    assert len(prompts) == 1 and REQUEST in prompts[0] and INSTRUCTION not in prompts[0]

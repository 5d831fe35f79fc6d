"""A reading that is interrupted ends in the same state, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from novels import KINDS, Interrupted, kind_settings, novel

from app.library import CHECKPOINT_SEGMENTS, Library, ReadProgress

CHAPTERS, SENTENCES = 6, 3


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_at_every_segment_it_ends_in_the_same_state(
    home: Path, tiny_backbone: Path, kind: str
) -> None:
    data = novel(CHAPTERS, SENTENCES, seed=3)
    undisturbed = Library(kind_settings(home / "undisturbed", tiny_backbone, kind))
    whole = undisturbed.add(data, "novel.md").document
    blobs = {
        p: undisturbed.store.blobs(whole.reading, p)
        for p in undisturbed.store.state_parts(whole.reading)
    }
    undisturbed.close()
    assert whole.reading.segments > CHECKPOINT_SEGMENTS
    library = Library(kind_settings(home / "disturbed", tiny_backbone, kind))
    for stop in range(1, whole.reading.segments + 1):

        def interrupt(progress: ReadProgress, stop: int = stop) -> None:
            if progress.segments_done == stop:
                raise Interrupted

        with pytest.raises(Interrupted):
            library.add(data, "novel.md", on_progress=interrupt)
        done = library.store.document(whole.id).reading.segments_done
        assert done == (
            stop if stop == whole.reading.segments else stop - stop % CHECKPOINT_SEGMENTS
        )
        last = library.add(data, "novel.md")
        assert last.resumed == (0 < done < whole.reading.segments)
        assert last.document.reading.state_sha256 == whole.reading.state_sha256
        assert {p: library.store.blobs(whole.reading, p) for p in blobs} == blobs
        library.remove(whole.id)
    library.close()


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_again_and_again_it_ends_in_the_same_state(
    home: Path, tiny_backbone: Path, kind: str
) -> None:
    data = novel(CHAPTERS, SENTENCES, seed=4)
    undisturbed = Library(kind_settings(home / "undisturbed", tiny_backbone, kind))
    whole = undisturbed.add(data, "novel.md").document
    undisturbed.close()
    seen: list[int] = []

    def interrupt(progress: ReadProgress) -> None:
        seen.append(progress.segments_done)
        if progress.segments_done % CHECKPOINT_SEGMENTS == 1 and seen.count(seen[-1]) == 1:
            raise Interrupted

    document = None
    while document is None:
        library = Library(kind_settings(home / "disturbed", tiny_backbone, kind))
        try:
            document = library.add(data, "novel.md", on_progress=interrupt).document
        except Interrupted:
            document = None
        finally:
            library.close()
    assert len(seen) > whole.reading.segments
    assert document.reading.state_sha256 == whole.reading.state_sha256
    assert document.reading.seconds > 0

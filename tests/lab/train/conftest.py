"""A tiny backbone in float64 and a write gate for it, so that two ways to compute agree closely."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from memory_models import backbone as backbones
from memory_models.backbone import Backbone
from memory_models.memories.write_gate import WriteGate


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> Backbone:
    loaded = backbones.load(tiny_backbone, dtype=torch.float32)
    loaded.decoder.double()
    return loaded


@pytest.fixture(scope="module")
def gate(backbone: Backbone) -> WriteGate:
    torch.manual_seed(1)
    shapes = WriteGate(backbone.config, hidden=4).state_dict()
    weights = {name: torch.randn(value.shape) * 0.2 for name, value in shapes.items()}
    return WriteGate.from_weights(backbone.config, weights)

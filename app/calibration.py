"""What was measured on a backbone: its addressing heads, and how confidence is computed.

`calibration.json` lies next to a backbone's weights; the default backbone's ships in
`assets/calibration`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from app.answering.confidence import Confidence, Looks
from app.errors import BookstateError
from memory_models.address import Head
from memory_models.backbone import Backbone
from memory_models.decoder import DecoderConfig

CALIBRATION = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured on a backbone; `measured` is False where it is a guess."""

    address_heads: tuple[Head, ...]
    confidence: Confidence
    measured: bool
    looks: Looks = Looks()  # noqa: RUF009 - frozen


def read_calibration(backbone: Backbone, answers: str = "") -> Calibration:
    """The backbone's own calibration, else the one that ships for its weights, else a guess.

    answers: name of the answer adapter in use, empty for the plain backbone. Confidence is
    calibrated for each.
    """
    raw = calibration_json(backbone)
    if raw is not None:
        return parse_calibration(raw, answers, backbone.name)
    heads = guessed_heads(backbone.config)
    confidence = Confidence.of_answer_adapter() if answers else Confidence.uncalibrated()
    return Calibration(heads, confidence, measured=False)


def calibration_json(backbone: Backbone) -> dict[str, Any] | None:
    """The backbone's own calibration file, or the one that ships for the same weights."""
    own = backbone.folder / CALIBRATION
    shipped = files("assets") / "calibration" / f"{backbone.sha256[:16]}.json"
    for file in (own, shipped):
        if file.is_file():
            try:
                raw: dict[str, Any] = json.loads(file.read_text("utf-8"))
            except ValueError as error:
                raise BookstateError(
                    f"{file} is not JSON ({error}); run `bookstate calibrate` again."
                ) from error
            return raw
    return None


def parse_calibration(raw: dict[str, Any], answers: str, source: str) -> Calibration:
    """What a calibration file says for an answer adapter, or (empty name) the plain backbone."""
    try:
        heads = tuple((int(layer), int(head)) for layer, head in raw["address_heads"])
        if not answers:
            return Calibration(heads, Confidence.from_json(raw["confidence"]), measured=True)
        fits = raw.get("adapter_confidence", raw.get("reader_confidence", {}))
        fitted = fits.get(answers)
        confidence = Confidence.from_json(fitted) if fitted else Confidence.of_answer_adapter()
        looks = Looks(**raw.get("adapter_looks", {}).get(answers, {}))
        return Calibration(heads, confidence, fitted is not None, looks)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BookstateError(
            f"The calibration of {source} cannot be read ({error!r}); run `bookstate calibrate` "
            "again."
        ) from error


def guessed_heads(config: DecoderConfig) -> tuple[Head, ...]:
    """One query head of every key/value head of two layers at three fifths of the depth.

    The addressing heads of the backbones measured so far are there; `bookstate calibrate` finds
    the real ones.
    """
    middle = min(config.layers - 1, round(0.58 * config.layers))
    layers = sorted({middle, min(config.layers - 1, middle + 1)})
    return tuple((layer, head) for layer in layers for head in range(0, config.heads, config.group))

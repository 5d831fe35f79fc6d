"""Flag, then environment, then TOML file, then default; bad values are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from app.errors import InvalidSetting
from app.library import Library
from app.settings import CODED, PLAIN, read_settings


def write_toml(home: Path, text: str) -> None:
    home.mkdir(parents=True)
    (home / "config.toml").write_text(text, "utf-8")


def test_each_source_goes_before_the_next(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().window == 512
    write_toml(home, "window = 100\nkeep_ratio = 0.5\n")
    assert (read_settings().window, read_settings().keep_ratio) == (100, 0.5)
    monkeypatch.setenv("BOOKSTATE_WINDOW", "200")
    assert (read_settings().window, read_settings().keep_ratio) == (200, 0.5)
    assert read_settings(window=300).window == 300
    assert read_settings(window=None).window == 200


def test_everything_lies_in_the_chosen_data_folder(home: Path) -> None:
    settings = read_settings()
    assert settings.home == home
    assert settings.database == home / "bookstate.db"
    assert settings.models == home / "models"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("window", "5", "'5'"),
        ("window", "many", "'many'"),
        ("share", "0", "'0'"),
        ("share", "1.01", "'1.01'"),
        ("slot_bits", "5", "'5'"),
        ("preset", "huge", "'huge'"),
        ("memory", "rag", "'rag'"),
        ("infini_update", "sum", "'sum'"),
        ("windows", "65", "'65'"),
        ("dtype", "float16", "'float16'"),
    ],
)
def test_a_bad_value_is_named_wherever_it_comes_from(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, shown: str
) -> None:
    with pytest.raises(InvalidSetting, match=f"'{name}' cannot be {shown}"):
        read_settings(**{name: value})
    monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", value)
    with pytest.raises(InvalidSetting, match=f"'{name}' cannot be {shown}"):
        read_settings()
    monkeypatch.delenv(f"BOOKSTATE_{name.upper()}")
    write_toml(home, f'{name} = "{value}"\n')
    with pytest.raises(InvalidSetting, match=f"'{name}' cannot be {shown}"):
        read_settings()


def test_an_unknown_name_in_the_file_is_named(home: Path) -> None:
    write_toml(home, "widnow = 100\n")
    with pytest.raises(InvalidSetting, match="widnow"):
        read_settings()


def test_a_file_that_is_not_toml_is_refused_by_name(home: Path) -> None:
    write_toml(home, "window: 100\n")
    with pytest.raises(InvalidSetting, match=r"config\.toml"):
        read_settings()


def test_numbers_in_the_environment_are_read_as_numbers(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKSTATE_SLOT_BITS", "16")
    assert read_settings().slot_bits == 16
    assert read_settings(slot_bits=8).slot_bits == 8


def test_a_preset_is_what_is_kept_unless_something_is_set_beside_it() -> None:
    for coded, presets in ((True, CODED), (False, PLAIN)):
        assert read_settings().kept(coded=coded) == presets["standard"]
        assert read_settings(preset="small").kept(coded=coded) == presets["small"]
        own = read_settings(preset="small", slot_bits=16)
        assert own.kept(coded=coded) == (presets["small"].keep_ratio, 16)
        half = read_settings(keep_ratio=0.5)
        assert half.kept(coded=coded) == (0.5, presets["standard"].slot_bits)


def test_the_old_name_of_the_keep_ratio_is_still_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toml(home, "share = 0.5\n")
    assert read_settings().kept(coded=True).keep_ratio == 0.5
    monkeypatch.setenv("BOOKSTATE_SHARE", "0.4")
    assert read_settings().kept(coded=True).keep_ratio == 0.4
    assert read_settings(keep_ratio=0.3).kept(coded=True).keep_ratio == 0.3


@pytest.mark.parametrize(
    ("dtype", "fast", "expected"),
    [
        ("float32", True, torch.float32),
        ("bfloat16", False, torch.bfloat16),
        ("auto", False, torch.float32),
        ("auto", True, torch.bfloat16),
    ],
)
def test_the_backbone_computes_in_the_dtype_that_is_set(
    tiny_backbone: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
    fast: bool,
    expected: torch.dtype,
) -> None:
    """auto asks the processor whether it multiplies bfloat16."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": fast})
    monkeypatch.setenv("BOOKSTATE_DTYPE", dtype)
    library = Library(read_settings(backbone=str(tiny_backbone)))
    assert library.backbone.decoder.dtype == expected
    library.close()

"""Settings, read once. A flag comes first, then a BOOKSTATE_* variable, the file, the default.

The file is `config.toml` in the data folder. The data folder is BOOKSTATE_HOME or, if that is not
set, the platform's folder for user data.
"""

from __future__ import annotations

import os
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Literal, NamedTuple

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from app.errors import InvalidSetting
from ingest.isolation.limits import Limits

MemoryKind = Literal["adaptive", "melodi", "infini"]
PresetName = Literal["small", "standard", "exact"]
DtypeName = Literal["auto", "float32", "bfloat16"]


class Preset(NamedTuple):
    """What adaptive MELODI keeps of a segment."""

    keep_ratio: float  # of its slots
    slot_bits: float


CODED: dict[str, Preset] = {
    "small": Preset(0.087, 2),
    "standard": Preset(0.23, 2),
    "exact": Preset(0.4, 3),
}
"""For a backbone with a slot codec: 1/66, 1/34 and 1/16 of the KV cache."""

PLAIN: dict[str, Preset] = {
    "small": Preset(0.09, 4),
    "standard": Preset(0.16, 4),
    "exact": Preset(0.3, 8),
}
"""For a backbone without one, or with adapters switched off: 1/33, 1/20 and 1/6."""


def data_folder() -> Path:
    """The folder for all data: BOOKSTATE_HOME or the platform's user data folder."""
    chosen = os.environ.get("BOOKSTATE_HOME")
    return Path(chosen).expanduser() if chosen else user_data_path("bookstate", appauthor=False)


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTATE_", frozen=True, extra="forbid")

    home: Path = Field(default_factory=data_folder, description="data folder")
    backbone: str = Field("default", description="'default', or a folder of a Llama-family model")
    memory: MemoryKind = Field("adaptive", description="memory for new documents")
    window: int = Field(
        512, ge=16, le=8192, description="most tokens per segment (adaptive, melodi)"
    )
    preset: PresetName = Field("standard", description="size of new states (adaptive)")
    keep_ratio: float | None = Field(
        None, gt=0, le=1, description="share of slots to keep, instead of the preset's"
    )
    share: float | None = Field(None, gt=0, le=1, description="the old name of keep_ratio")
    slot_bits: float | None = Field(None, description="bits per number, instead of the preset's")
    adapters: bool = Field(True, description="use trained adapters if there are any")
    infini_update: Literal["linear", "delta"] = Field("linear", description="how Infini writes")
    windows: int = Field(8, ge=1, le=64, description="most segments read for one answer")
    answer_tokens: int = Field(64, ge=1, le=1024, description="most tokens of an answer")
    dtype: DtypeName = Field("auto", description="auto, float32 or bfloat16; auto: the faster")
    threads: int = Field(0, ge=0, le=256, description="CPU threads; 0: torch decides")
    max_upload_mb: int = Field(100, ge=1, le=2048, description="largest file for the web page")
    parse_memory_mb: int = Field(
        1024, ge=128, le=65536, description="memory for the process that takes a file apart"
    )

    @field_validator("slot_bits")
    @classmethod
    def _known_bits(cls, bits: float | None) -> float | None:
        if bits not in (None, 1, 1.5, 2, 3, 4, 8, 16):
            raise ValueError("choose 1, 1.5, 2 or 3 with a slot codec, or 4, 8 or 16 without")
        return int(bits) if bits is not None and bits == int(bits) else bits

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = TomlConfigSettingsSource(settings_cls, data_folder() / "config.toml")
        return init_settings, env_settings, file

    def kept(self, *, coded: bool) -> Preset:
        """What is kept, by the preset or by settings that override it.

        coded: whether the backbone has a slot codec.
        """
        preset = (CODED if coded else PLAIN)[self.preset]
        ratio = self.keep_ratio or self.share or preset.keep_ratio
        return Preset(ratio, self.slot_bits or preset.slot_bits)

    @property
    def database(self) -> Path:
        """The SQLite file that holds the library."""
        return self.home / "bookstate.db"

    @property
    def reading_limits(self) -> Limits:
        """What the process that takes a file apart may use."""
        return Limits(memory_bytes=self.parse_memory_mb << 20)

    @property
    def models(self) -> Path:
        """Folder of converted backbones."""
        return self.home / "models"


def read_settings(**flags: Any) -> Settings:
    """Read the settings; flags override the rest, except those that are None."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except TOMLDecodeError as error:
        file = data_folder() / "config.toml"
        raise InvalidSetting(
            f"{file} is not valid TOML ({error}); correct or remove it."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidSetting(
            f"Setting {name!r} cannot be {first.get('input')!r}: {first['msg']}."
        ) from error

"""Settings, read once: flag, then BOOKSTATE_* environment, then TOML file, then default.

The file is `config.toml` in the data folder, the data folder BOOKSTATE_HOME or the platform's.
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

MemoryKind = Literal["adaptive", "melodi", "infini"]
PresetName = Literal["small", "standard", "exact"]
DtypeName = Literal["auto", "float32", "bfloat16"]


class Preset(NamedTuple):
    """What adaptive MELODI keeps of a window."""

    keep_ratio: float  # of its slots
    slot_bits: float


CODED: dict[str, Preset] = {
    "small": Preset(0.087, 2),
    "standard": Preset(0.23, 2),
    "exact": Preset(0.4, 3),
}
"""Where the backbone has a slot codec: 1/66, 1/34 and 1/16 of the KV cache."""

PLAIN: dict[str, Preset] = {
    "small": Preset(0.09, 4),
    "standard": Preset(0.16, 4),
    "exact": Preset(0.3, 8),
}
"""Where it has none, or adapters are off: 1/33, 1/20 and 1/6."""


def data_folder() -> Path:
    """Where everything is kept: BOOKSTATE_HOME or the platform's user data folder."""
    chosen = os.environ.get("BOOKSTATE_HOME")
    return Path(chosen).expanduser() if chosen else user_data_path("bookstate", appauthor=False)


class Settings(BaseSettings):
    """Everything a user can set."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTATE_", frozen=True, extra="forbid")

    home: Path = Field(default_factory=data_folder, description="data folder")
    backbone: str = Field("default", description="'default', or a folder of a Llama-family model")
    memory: MemoryKind = Field("adaptive", description="memory for new documents")
    window: int = Field(512, ge=16, le=8192, description="most tokens a segment (adaptive, melodi)")
    preset: PresetName = Field("standard", description="size of new states (adaptive)")
    keep_ratio: float | None = Field(
        None, gt=0, le=1, description="share of slots kept, in place of the preset's"
    )
    share: float | None = Field(None, gt=0, le=1, description="the old name of keep_ratio")
    slot_bits: float | None = Field(None, description="bits of a slot's numbers, over preset")
    adapters: bool = Field(True, description="use the trained adapters where there are any")
    infini_update: Literal["linear", "delta"] = Field("linear", description="Infini's write rule")
    windows: int = Field(8, ge=1, le=64, description="windows that one question may address")
    answer_tokens: int = Field(64, ge=1, le=1024, description="longest answer")
    dtype: DtypeName = Field("auto", description="auto, float32 or bfloat16; auto: what is fast")
    threads: int = Field(0, ge=0, le=256, description="CPU threads; 0 leaves torch's choice")
    max_upload_mb: int = Field(100, ge=1, le=2048, description="largest file the web UI takes")

    @field_validator("slot_bits")
    @classmethod
    def _known_bits(cls, bits: float | None) -> float | None:
        if bits not in (None, 1, 1.5, 2, 3, 4, 8, 16):
            raise ValueError("slots have 1, 1.5, 2 or 3 bits with a codec, 4, 8 or 16 without")
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
        """The preset, or what is set in place of it; coded: the backbone has a slot codec."""
        preset = (CODED if coded else PLAIN)[self.preset]
        ratio = self.keep_ratio or self.share or preset.keep_ratio
        return Preset(ratio, self.slot_bits or preset.slot_bits)

    @property
    def database(self) -> Path:
        """The one SQLite file."""
        return self.home / "bookstate.db"

    @property
    def models(self) -> Path:
        """Folder of converted backbones."""
        return self.home / "models"


def read_settings(**flags: Any) -> Settings:
    """Settings with the given flags on top; None flags count as not given."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except TOMLDecodeError as error:
        file = data_folder() / "config.toml"
        raise InvalidSetting(f"{file} is not TOML ({error}); mend or remove it.") from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidSetting(
            f"Setting {name!r} cannot be {first.get('input')!r}: {first['msg']}."
        ) from error

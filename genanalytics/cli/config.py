"""What a user set once for all commands, in the environment or in the configuration file."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genanalytics.errors import InputError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DATA_VARIABLE = "GENANALYTICS_DATA"
"""The file or data set that commands read without a PATH."""

_CONFIG = "config.toml"


@dataclass(frozen=True, slots=True)
class Config:
    """What a user set once for all commands.

    Attributes:
        data: The files that commands read without a PATH.
        tz: The time zone of commands without `--tz`.
        place: The configuration file.
    """

    data: tuple[str, ...]
    tz: str
    place: Path

    def find_zone(self, tz: str | None) -> "ZoneInfo":
        """Return the time zone that a command got, or else that of the configuration.

        Raises:
            InputError: There is no such time zone.
        """
        from genanalytics.metrics.grouping.calendar import find_zone

        if tz is not None:
            return find_zone(tz)
        try:
            return find_zone(self.tz)
        except InputError as error:
            msg = f"{error}; tz in the configuration {self.place} has this value: correct it"
            raise InputError(msg) from None

    def find_data(self) -> tuple[str, ...]:
        """Return the files of a command without a PATH.

        Raises:
            click.UsageError: There are none.
        """
        if self.data:
            return self.data
        msg = (
            "give a PATH: a file or data set with records, or - for stdin; or name one for all commands in the variable"
            f" {DATA_VARIABLE}, or as data in {self.place}"
        )
        raise click.UsageError(msg)


def read_config() -> Config:
    """Return what a user set in the environment, which wins, and in the configuration file.

    Raises:
        InputError: The configuration file cannot be read.
    """
    from platformdirs import user_config_path

    place = user_config_path("genanalytics", appauthor=False) / _CONFIG
    found: dict[str, Any] = {}
    try:
        found = tomllib.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"cannot read the configuration {place}: {reason}; correct it, or remove it"
        raise InputError(msg) from None
    unknown = [name for name in found if name not in {"data", "tz"}]
    if unknown or not all(isinstance(value, str) for value in found.values()):
        what = ", ".join(unknown) or "a value that is not text"
        msg = f'the configuration {place} has {what}: it may set data and tz, such as data = "generations.parquet"'
        raise InputError(msg)
    data = os.environ.get(DATA_VARIABLE) or found.get("data")
    path = () if not data else (str(Path(data).expanduser()) if "://" not in data else data,)
    return Config(path, found.get("tz", "UTC"), place)

"""What the files of the AWS command line say: credentials, the region and the endpoint of a profile."""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from genanalytics.errors import InputError

_INDIRECT = ("role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file")
"""Settings of profiles whose credentials another program or service issues."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings of a profile.

    Attributes:
        name: Its name.
        settings: The settings, of the file of credentials first.
        services: The settings of its section of services, by service.
    """

    name: str
    settings: Mapping[str, str] = field(repr=False)
    services: Mapping[str, Mapping[str, str]] = field(repr=False)

    @property
    def endpoint(self) -> str | None:
        """The URL of S3, if the profile names one."""
        return self.services.get("s3", {}).get("endpoint_url") or self.settings.get("endpoint_url")

    @property
    def is_indirect(self) -> bool:
        """Whether another program or service issues its credentials."""
        return "aws_access_key_id" not in self.settings and any(name in self.settings for name in _INDIRECT)


def read_profile(environment: Mapping[str, str]) -> Profile:
    """Return the profile that an environment selects; it is empty if there are no files.

    Raises:
        InputError: `AWS_PROFILE` names a profile that does not exist, or a file cannot be read.
    """
    chosen = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    name = chosen or "default"
    home = Path(environment.get("HOME") or Path.home())
    config = _read(environment.get("AWS_CONFIG_FILE") or home / ".aws" / "config")
    credentials = _read(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials")
    section = "default" if name == "default" and "default" in config else f"profile {name}"
    found = [part[key] for part, key in ((config, section), (credentials, name)) if key in part]
    if chosen and not found:
        msg = (
            f"there is no profile {chosen!r} (AWS_PROFILE) in the files of the AWS command line: list them with"
            " `aws configure list-profiles`"
        )
        raise InputError(msg)
    settings = {key: value for part in found for key, value in part.items()}
    services = f"services {settings.get('services')}"
    nested = {key: _parse_nested(text) for key, text in config[services].items()} if services in config else {}
    return Profile(name, settings, nested)


def _read(path: str | os.PathLike[str]) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(default_section="\0", strict=False)
    try:
        parser.read(Path(path).expanduser(), encoding="utf-8")
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        msg = (
            f"cannot read {os.fspath(path)}: it is no file of the AWS command line ({type(error).__name__});"
            " correct it, or name another one in AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE"
        )
        raise InputError(msg) from None  # the error quotes lines, which can be keys
    return parser


def _parse_nested(text: str) -> dict[str, str]:
    """Return settings that are indented below another.

    >>> _parse_nested(" endpoint_url = http://127.0.0.1:9000 ")
    {'endpoint_url': 'http://127.0.0.1:9000'}
    """
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}

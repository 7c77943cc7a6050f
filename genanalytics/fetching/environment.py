"""The URL of the service and the directory of the cache, which the command line and Python share."""

import os
from contextlib import suppress
from pathlib import Path

import platformdirs

from genanalytics.base.stores.address import is_url
from genanalytics.errors import CacheError

DEFAULT_BASE_URL = "https://openrouter.ai/api/v1"
BASE_URL_VARIABLE = "GENANALYTICS_BASE_URL"
CACHE_DIR_VARIABLE = "GENANALYTICS_CACHE_DIR"


def find_base_url(named: str | None) -> str:
    """Return the URL of the API: the given one, or the one in the environment, or OpenRouter's."""
    return os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL if named is None else named


def find_cache_directory(named: str | os.PathLike[str] | None) -> Path:
    """Return the directory of the cache: the given one, or the one in the environment, or the one of the user's data.

    Raises:
        CacheError: It is a URL, or there is no home directory, as for some users of containers and of scheduled jobs.
    """
    if chosen := named or os.environ.get(CACHE_DIR_VARIABLE):
        if is_url(chosen):
            msg = f"cannot use the cache {os.fspath(chosen)}: it is a URL; give a directory (--cache-dir)"
            raise CacheError(msg)
        return Path(chosen)
    with suppress(RuntimeError):
        found = platformdirs.user_data_path("genanalytics")
        if found.is_absolute() and os.environ.get("HOME") != "":
            return found
    msg = f"no home directory for the cache: set HOME, or name a directory with --cache-dir or {CACHE_DIR_VARIABLE}"
    raise CacheError(msg)

"""OpenRouter generation ids in, answers out: cost, prompt-cache savings and latency as one typed pandas frame.

    import genanalytics as ga

    fetched = ga.fetch("gen-...")          # or a list, a Series, a pathlib.Path; the key is in OPENROUTER_API_KEY
    ga.summarize(fetched.frame, by="model")

Importing the package loads neither pandas nor matplotlib: a name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from genanalytics._version import __version__

if TYPE_CHECKING:
    from genanalytics import metrics, plots
    from genanalytics.activity import read_activity
    from genanalytics.client import Client
    from genanalytics.errors import (
        CacheError,
        GenAnalyticsError,
        InputError,
        KeyRefusedError,
        MissingColumnError,
        OutputError,
    )
    from genanalytics.export import read_frame, read_parquet, write_frame, write_parquet
    from genanalytics.fetched import Fetched, Stats
    from genanalytics.fetching import fetch
    from genanalytics.frame import drift
    from genanalytics.metrics import summarize
    from genanalytics.reading import open_frame
    from genanalytics.reconciling import Reconciliation, reconcile
    from genanalytics.schema import COLUMNS
    from genanalytics.sources import Ids, read_ids

__all__ = [
    "COLUMNS",
    "CacheError",
    "Client",
    "Fetched",
    "GenAnalyticsError",
    "Ids",
    "InputError",
    "KeyRefusedError",
    "MissingColumnError",
    "OutputError",
    "Reconciliation",
    "Stats",
    "__version__",
    "drift",
    "fetch",
    "metrics",
    "open_frame",
    "plots",
    "read_activity",
    "read_frame",
    "read_ids",
    "read_parquet",
    "reconcile",
    "summarize",
    "write_frame",
    "write_parquet",
]

_HOMES = {
    "COLUMNS": "schema",
    "Client": "client",
    "Fetched": "fetched",
    "Ids": "sources",
    "Reconciliation": "reconciling",
    "Stats": "fetched",
    "drift": "frame",
    "fetch": "fetching",
    "open_frame": "reading",
    "read_activity": "activity",
    "read_frame": "export",
    "read_ids": "sources",
    "read_parquet": "export",
    "reconcile": "reconciling",
    "summarize": "metrics",
    "write_frame": "export",
    "write_parquet": "export",
} | dict.fromkeys((name for name in __all__ if name.endswith("Error")), "errors")


def __getattr__(name: str) -> object:
    if name in {"metrics", "plots"}:
        return import_module(f"genanalytics.{name}")
    if name not in _HOMES:
        msg = f"module 'genanalytics' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"genanalytics.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

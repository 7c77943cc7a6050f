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
    from genanalytics.dataset.export import Exported, export
    from genanalytics.dataset.redact import Redaction
    from genanalytics.dataset.writer import compact
    from genanalytics.errors import (
        CacheError,
        GenAnalyticsError,
        InputError,
        KeyRefusedError,
        MissingColumnError,
        OutputError,
    )
    from genanalytics.fetching.client import Client
    from genanalytics.fetching.fetch import fetch
    from genanalytics.fetching.result import Fetched, Stats
    from genanalytics.files import read_frame, read_parquet, write_frame, write_parquet
    from genanalytics.ids.read import Ids, read_ids
    from genanalytics.metrics import (
        Comparison,
        attempt_summary,
        attempts,
        compare,
        cost_change,
        distribution,
        quality,
        sessions,
        summarize,
    )
    from genanalytics.metrics.engines.scan import scan
    from genanalytics.reading import open_frame
    from genanalytics.records.frame import drift
    from genanalytics.records.schema import COLUMNS
    from genanalytics.report import write_report
    from genanalytics.service.activity import read_activity
    from genanalytics.service.focus import focus_charges
    from genanalytics.service.reconcile import Reconciliation, reconcile
    from genanalytics.tables.table import Table, table

__all__ = [
    "COLUMNS",
    "CacheError",
    "Client",
    "Comparison",
    "Exported",
    "Fetched",
    "GenAnalyticsError",
    "Ids",
    "InputError",
    "KeyRefusedError",
    "MissingColumnError",
    "OutputError",
    "Reconciliation",
    "Redaction",
    "Stats",
    "Table",
    "__version__",
    "attempt_summary",
    "attempts",
    "compact",
    "compare",
    "cost_change",
    "distribution",
    "drift",
    "export",
    "fetch",
    "focus_charges",
    "metrics",
    "open_frame",
    "plots",
    "quality",
    "read_activity",
    "read_frame",
    "read_ids",
    "read_parquet",
    "reconcile",
    "scan",
    "sessions",
    "summarize",
    "table",
    "write_frame",
    "write_parquet",
    "write_report",
]

_HOMES = {
    "COLUMNS": "records.schema",
    "Client": "fetching.client",
    "Comparison": "metrics",
    "Exported": "dataset.export",
    "Fetched": "fetching.result",
    "Ids": "ids.read",
    "Reconciliation": "service.reconcile",
    "Redaction": "dataset.redact",
    "Stats": "fetching.result",
    "Table": "tables.table",
    "attempt_summary": "metrics",
    "attempts": "metrics",
    "distribution": "metrics",
    "compact": "dataset.writer",
    "compare": "metrics",
    "cost_change": "metrics",
    "drift": "records.frame",
    "export": "dataset.export",
    "fetch": "fetching.fetch",
    "focus_charges": "service.focus",
    "open_frame": "reading",
    "quality": "metrics",
    "read_activity": "service.activity",
    "read_frame": "files",
    "read_ids": "ids.read",
    "read_parquet": "files",
    "reconcile": "service.reconcile",
    "scan": "metrics.engines.scan",
    "sessions": "metrics",
    "summarize": "metrics",
    "table": "tables.table",
    "write_frame": "files",
    "write_parquet": "files",
    "write_report": "report",
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

"""Redaction: columns are emptied, or replaced by keyed tokens, before anything is written."""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute

from genanalytics.base.text import explain, suggest
from genanalytics.errors import InputError
from genanalytics.records.exported import ONLY_EXPORTED
from genanalytics.records.schema import BY_NAME, COLUMNS, Kind

_TOKEN = 32
_LEAST_KEY = 16
_KEYS = frozenset({"requested_id", "id"})
"""Columns that stay: a data set is keyed on the first, and the second is the same value."""
_NUMBERS = ("app_id",)
"""Numbers that identify someone."""
_IN_ATTEMPTS = frozenset({"model", "provider_name", "service_tier", "upstream_id"})
"""Columns that `provider_responses` contains too: it is emptied with them."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """The columns to empty, or to replace by tokens.

    A token is the first 32 hex digits of HMAC-SHA256(key, text). Equal texts have equal tokens in every column, run and
    program with the same key. The number `app_id` is always emptied. Values of these columns in `extra` are removed
    too. Redacting models, providers, tiers or upstream ids also empties `provider_responses`.

    Args:
        columns: Names of text columns, such as external_user, user_agent, http_referer, origin, session_id, or app_id;
            of an activity export also user, app_name and api_key_name.
            `extra` removes every field that has no column yet.
        key: At least 16 secret bytes; without it the columns are emptied.

    Raises:
        InputError: A name is not a text column, or the key is too short.

    >>> table = pa.table({"origin": ["https://a", None, "https://a"], "latency": [1, 2, 3]})
    >>> Redaction(["origin"]).apply(table)["origin"].to_pylist()
    [None, None, None]
    >>> tokens = Redaction(["origin"], key=b"sixteen bytes ..").apply(table)["origin"].to_pylist()
    >>> tokens[0] == tokens[2], len(tokens[0]), tokens[1]
    (True, 32, None)
    """

    columns: Sequence[str]
    key: bytes | None = None

    def __post_init__(self) -> None:
        columns = (*COLUMNS, *ONLY_EXPORTED.values())
        texts = (column.name for column in columns if column.kind is Kind.TEXT and column.name not in _KEYS)
        allowed = [*texts, *_NUMBERS]
        for name in self.columns:
            if name not in allowed:
                msg = f"cannot redact {name!r}; {suggest(name, allowed)}possible columns are {', '.join(allowed)}"
                raise InputError(msg)
        if self.key is not None and len(self.key) < _LEAST_KEY:
            msg = (
                f"the key for redaction has {len(self.key)} bytes: give at least {_LEAST_KEY}, such as 32 random bytes"
            )
            raise InputError(msg)

    def __repr__(self) -> str:
        return f"Redaction({list(self.columns)!r}{', key=...' if self.key else ''})"

    @property
    def description(self) -> dict[str, Any]:
        """The columns, and a token that identifies the key, as a manifest contains them."""
        return {"columns": sorted(self.columns), "key": _make_token(self.key, "genanalytics") if self.key else None}

    def apply(self, table: pa.Table) -> pa.Table:
        """Return a table with these columns redacted; its schema stays the same."""
        for name in self.columns:
            if name in table.column_names:
                table = _replace(table, name, self._redact(table[name]))
        if _IN_ATTEMPTS.intersection(self.columns) and "provider_responses" in table.column_names:
            table = _replace(table, "provider_responses", pa.nulls(len(table), Kind.ATTEMPTS.arrow_type))
        hidden = set(self.columns) - {"extra"}
        if hidden and "extra" in table.column_names and "extra" not in self.columns:
            extras = [_remove_fields(text, hidden) for text in table["extra"].to_pylist()]
            table = _replace(table, "extra", pa.array(extras, BY_NAME["extra"].kind.arrow_type))
        return table

    def _redact(self, values: pa.ChunkedArray) -> pa.Array:
        if self.key is None or not pa.types.is_string(values.type):
            return pa.nulls(len(values), values.type)
        encoded = values.combine_chunks().dictionary_encode()  # one token per distinct text
        tokens = [_make_token(self.key, text) for text in encoded.dictionary.to_pylist()]
        return pa.array(tokens, values.type).take(encoded.indices)


def read_key(path: Path) -> bytes:
    """Return the key in a file, without a line break at its end.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        return path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        msg = f"cannot read the key file {path}: {explain(error)}"
        raise InputError(msg) from error


def _make_token(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()[:_TOKEN]


def _replace(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(place), values)


def _remove_fields(extra: str | None, hidden: set[str]) -> str | None:
    if extra is None:
        return None
    values = json.loads(extra)
    if not values.keys() & hidden:
        return extra
    left = {name: value for name, value in values.items() if name not in hidden}
    return json.dumps(left, separators=(",", ":")) if left else None

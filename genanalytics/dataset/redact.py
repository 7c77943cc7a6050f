"""What must not leave: columns dropped, or replaced by keyed tokens, before anything is written."""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute

from genanalytics.errors import InputError
from genanalytics.records.schema import BY_NAME, COLUMNS, Kind

_TOKEN = 32
_LEAST_KEY = 16
_KEYS = frozenset({"requested_id", "id"})
"""A data set is keyed on the one, and the other is the same but for a fault."""
_NUMBERS = ("app_id",)
"""Numbers that name somebody."""
_IN_ATTEMPTS = frozenset({"model", "provider_name", "service_tier", "upstream_id"})
"""What `provider_responses` tells too: it goes along."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """Which columns are emptied, or with a key replaced by tokens.

    A token is the first 32 hex digits of HMAC-SHA256(key, text), so that one text has one token, in every column, run
    and program that has the key; the number `app_id`, which cannot hold one, is emptied either way. Where `extra` holds
    a value of such a column, it goes too, and with the names of models, providers, tiers or upstream ids all of
    `provider_responses`.

    Args:
        columns: Names of text columns, such as external_user, user_agent, http_referer, origin, session_id, or app_id;
            `extra` is one too, and takes along whatever field has no column yet.
        key: At least 16 secret bytes; without it the columns are emptied.

    Raises:
        InputError: A name is none of a text column, or the key is too short.

    >>> table = pa.table({"origin": ["https://a", None, "https://a"], "latency": [1, 2, 3]})
    >>> Redaction(["origin"]).of(table)["origin"].to_pylist()
    [None, None, None]
    >>> tokens = Redaction(["origin"], key=b"sixteen bytes ..").of(table)["origin"].to_pylist()
    >>> tokens[0] == tokens[2], len(tokens[0]), tokens[1]
    (True, 32, None)
    """

    columns: Sequence[str]
    key: bytes | None = None

    def __post_init__(self) -> None:
        texts = (column.name for column in COLUMNS if column.kind is Kind.TEXT and column.name not in _KEYS)
        allowed = [*texts, *_NUMBERS]
        for name in self.columns:
            if name not in allowed:
                near = get_close_matches(name, allowed, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(allowed)}"
                msg = f"cannot redact {name!r}: it is no column that can go{hint}"
                raise InputError(msg)
        if self.key is not None and len(self.key) < _LEAST_KEY:
            msg = f"the key for redaction has {len(self.key)} bytes: give {_LEAST_KEY} or more, such as 32 random ones"
            raise InputError(msg)

    def __repr__(self) -> str:
        return f"Redaction({list(self.columns)!r}{', key=...' if self.key else ''})"

    @property
    def told(self) -> dict[str, Any]:
        """What a manifest says of it: the columns, and a token by which the key is known again."""
        return {"columns": sorted(self.columns), "key": _token(self.key, "genanalytics") if self.key else None}

    def of(self, table: pa.Table) -> pa.Table:
        """Return the table without what is to be redacted; its schema stays."""
        for name in self.columns:
            if name in table.column_names:
                table = _replaced(table, name, self._redacted(table[name]))
        if _IN_ATTEMPTS.intersection(self.columns) and "provider_responses" in table.column_names:
            table = _replaced(table, "provider_responses", pa.nulls(len(table), Kind.ATTEMPTS.arrow_type))
        hidden = set(self.columns) - {"extra"}
        if hidden and "extra" in table.column_names and "extra" not in self.columns:
            extras = [_without(text, hidden) for text in table["extra"].to_pylist()]
            table = _replaced(table, "extra", pa.array(extras, BY_NAME["extra"].kind.arrow_type))
        return table

    def _redacted(self, values: pa.ChunkedArray) -> pa.Array:
        if self.key is None or not pa.types.is_string(values.type):
            return pa.nulls(len(values), values.type)
        encoded = values.combine_chunks().dictionary_encode()  # one token to compute for each distinct text
        tokens = [_token(self.key, text) for text in encoded.dictionary.to_pylist()]
        return pa.array(tokens, values.type).take(encoded.indices)


def read_key(path: Path) -> bytes:
    """Return the key that a file holds, less a line break at its end.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        return path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        msg = f"cannot read the key file {path}: {error.strerror}"
        raise InputError(msg) from error


def _token(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()[:_TOKEN]


def _replaced(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(place), values)


def _without(extra: str | None, hidden: set[str]) -> str | None:
    if extra is None:
        return None
    values = json.loads(extra)
    if not values.keys() & hidden:
        return extra
    left = {name: value for name, value in values.items() if name not in hidden}
    return json.dumps(left, separators=(",", ":")) if left else None

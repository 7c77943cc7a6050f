"""The result of a fetch, and how it shows itself to people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.html import make_block, make_table, to_html
from genanalytics.base.text import to_sentence
from genanalytics.fetching.answers import Outcome
from genanalytics.units import Unit, format_count, format_value

_MAX_FAILURES = 5
_LONGEST_NOTICE = 400


@dataclass(frozen=True, slots=True)
class Stats:
    """The counts of a fetch.

    Attributes:
        requested: The number of ids given, with duplicates.
        distinct: The number of distinct ids given.
        outcomes: The number of distinct ids with each outcome that occurred; they add up to `distinct`.
        requests: The number of HTTP requests sent.
        from_cache: The number of distinct ids that the cache answered.
        not_stored: The number of answers that could not be written to the cache; the frame contains them.
        seconds: The duration.
        notices: Other things that the user should know, each in one sentence.
    """

    requested: int
    distinct: int
    outcomes: Mapping[str, int]
    requests: int
    from_cache: int
    not_stored: int
    seconds: float
    notices: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = ", ".join(f"{number:,} {outcome}" for outcome, number in self.outcomes.items()) or "no ids"
        repeated = f" ({format_count(self.duplicates, 'duplicate')} left out)" if self.duplicates else ""
        sent = f"{format_count(self.requests, 'request')}, {self.from_cache:,} from the cache, {self.seconds:.1f} s"
        return f"{format_count(self.distinct, 'id')}{repeated}: {counts} ({sent})"

    @property
    def duplicates(self) -> int:
        """The number of repeated ids, counting each repetition."""
        return self.requested - self.distinct

    @property
    def coverage(self) -> float | None:
        """The share of distinct ids with a record (0 to 1); None without ids. Below 1, every total is a lower bound."""
        return self.outcomes.get(Outcome.OK, 0) / self.distinct if self.distinct else None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FetchResult:
    """The result of a fetch.

    Attributes:
        frame: One row per id with a record, in the order of the ids; the columns of `schema.COLUMNS`. Its
            `attrs["coverage"]` contains the numbers of requested ids and of records, and the ids without one; files,
            summaries, charts and reports show it.
        failures: One row per id without a record: requested_id (str), outcome (str), status (Int64, null without an
            answer), message (str), attempts (Int64); for a mismatch, returned_id (str) and body (str), the answer as it
            came.
        stats: The counts.
    """

    frame: pd.DataFrame
    failures: pd.DataFrame
    stats: Stats

    def __repr__(self) -> str:
        advice = "" if self.failures.empty else "; explain() says what to do about the failures"
        return f"<FetchResult {self.stats}{advice}>"

    def _repr_html_(self) -> str:
        stats = self.stats
        records = f"{stats.outcomes.get(Outcome.OK, 0):,} of {format_count(stats.distinct, 'id')}"
        share = "" if stats.coverage is None else f" ({format_value(stats.coverage, Unit.SHARE)})"
        figures = {
            "records": records + share,
            "duplicates": f"{stats.duplicates:,}",
            "requests": f"{stats.requests:,}",
            "from the cache": f"{stats.from_cache:,}",
            "time": format_value(1_000 * stats.seconds, Unit.MS),
        }
        parts = [make_table(figures.keys(), [list(figures.values())])]
        if not self.failures.empty:
            explained = self.explain()[["outcome", "ids", "meaning", "next_step"]]
            parts.append(make_table(["outcome", "ids", "meaning", "next step"], explained.to_numpy().tolist()))
            first = self.failures.head(_MAX_FAILURES)[["requested_id", "outcome", "message"]]
            count = f"the first {_MAX_FAILURES} of " if len(self.failures) > _MAX_FAILURES else ""
            summary = f"<summary>{count}{format_count(len(self.failures), 'id')} without a record</summary>"
            parts.append(f"<details>{summary}{make_table(first.columns, first.to_numpy().tolist())}</details>")
        if stats.notices:
            items = (to_html(to_sentence(notice), longest=_LONGEST_NOTICE) for notice in stats.notices)
            parts.append(f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>")
        return make_block(*parts)

    if not TYPE_CHECKING:  # a type checker would accept any name

        def __getattr__(self, name: str) -> NoReturn:
            msg = f"FetchResult has no {name!r}: the records are in .frame, the failures in .failures, counts in .stats"
            raise AttributeError(msg)

    def explain(self) -> pd.DataFrame:
        """Return the meaning of the failures and what to do about them: one row per outcome, most frequent first.

        The columns: outcome (str), ids (Int64: the number of ids), meaning (str), next_step (str), example (str: the
        first id). `ga.table` shows them in full.
        """
        found = self.failures.groupby("outcome", sort=False)["requested_id"].agg(["size", "first"])
        found = found.sort_values("size", ascending=False, kind="stable")
        outcomes = [Outcome(name) for name in found.index]
        explained = pd.DataFrame(
            {
                "outcome": pd.Series([outcome.value for outcome in outcomes], dtype=TEXT),
                "ids": pd.Series(found["size"].tolist(), dtype="Int64"),
                "meaning": pd.Series([outcome.meaning for outcome in outcomes], dtype=TEXT),
                "next_step": pd.Series([outcome.next_step for outcome in outcomes], dtype=TEXT),
                "example": pd.Series(found["first"].tolist(), dtype=TEXT),
            }
        )
        explained.attrs = {"units": {"ids": Unit.COUNT.value}, "labels": {"ids": "ids"}}
        return explained

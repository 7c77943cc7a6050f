"""What came of a fetch, and how it shows itself to people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import pandas as pd

from genanalytics.base.html import block, safe, table
from genanalytics.fetching.answers import Outcome
from genanalytics.units import Unit, counted, write

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Stats:
    """What a fetch did.

    Attributes:
        requested: How many ids were given, duplicates included.
        distinct: How many different ids were given.
        outcomes: How many distinct ids ended in each outcome that occurred; the counts add up to `distinct`.
        requests: How many HTTP requests were sent.
        from_cache: How many distinct ids were answered by the cache.
        not_stored: How many answers could not be written to the cache; they are in the frame all the same.
        seconds: How long it took.
        notices: What the caller should know, each in one sentence.
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
        counts = ", ".join(f"{number:,} {outcome}" for outcome, number in self.outcomes.items()) or "nothing to ask for"
        repeated = f", {counted(self.duplicates, 'duplicate')} apart" if self.duplicates else ""
        sent = f"{counted(self.requests, 'request')}, {self.from_cache:,} from the cache, {self.seconds:.1f} s"
        return f"{counted(self.distinct, 'id')}{repeated}: {counts} ({sent})"

    @property
    def duplicates(self) -> int:
        """How many ids were given more than once, counting each repetition."""
        return self.requested - self.distinct

    @property
    def coverage(self) -> float | None:
        """The share of distinct ids with a record (0 to 1); None without ids. Below 1, every total is a lower bound."""
        return self.outcomes.get(Outcome.OK, 0) / self.distinct if self.distinct else None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Fetched:
    """What came of a list of ids.

    Attributes:
        frame: One row per id with a record, in the order of the ids; the columns of `schema.COLUMNS`.
        failures: One row per id without: requested_id (str), outcome (str), status (Int64, null without an answer),
            message (str), attempts (Int64); for a mismatch, returned_id (str) and body (str), the answer as it came.
        stats: What was done.
    """

    frame: pd.DataFrame
    failures: pd.DataFrame
    stats: Stats

    def __repr__(self) -> str:
        advice = "" if self.failures.empty else "; explain() says what to do about the failures"
        return f"<Fetched {self.stats}{advice}>"

    def _repr_html_(self) -> str:
        return as_html(self)

    def __getattr__(self, name: str) -> NoReturn:
        msg = f"Fetched has no {name!r}: the records are in its frame, what failed in its failures, counts in its stats"
        raise AttributeError(msg)

    def explain(self) -> pd.DataFrame:
        """Return what the failures mean and what to do about them: one row per outcome that occurred, commonest first.

        The columns: outcome (str), ids (Int64: how many), meaning (str), next_step (str), example (str: the first id).
        `ga.table` shows them in full.
        """
        found = self.failures.groupby("outcome", sort=False)["requested_id"].agg(["size", "first"])
        found = found.sort_values("size", ascending=False, kind="stable")
        outcomes = [Outcome(name) for name in found.index]
        explained = pd.DataFrame(
            {
                "outcome": pd.Series([outcome.value for outcome in outcomes], dtype="str"),
                "ids": pd.Series(found["size"].tolist(), dtype="Int64"),
                "meaning": pd.Series([outcome.meaning for outcome in outcomes], dtype="str"),
                "next_step": pd.Series([outcome.next_step for outcome in outcomes], dtype="str"),
                "example": pd.Series(found["first"].tolist(), dtype="str"),
            }
        )
        explained.attrs = {"units": {"ids": Unit.COUNT.value}, "labels": {"ids": "ids"}}
        return explained


def as_html(fetched: Fetched) -> str:
    """Return what a notebook shows of a fetch: what came, what did not and what to do about it, what it took."""
    stats = fetched.stats
    took = {
        "records": _share(stats),
        "duplicates": f"{stats.duplicates:,}",
        "requests": f"{stats.requests:,}",
        "from the cache": f"{stats.from_cache:,}",
        "time": write(1_000 * stats.seconds, Unit.MS),
    }
    parts = [table(took.keys(), [list(took.values())])]
    if not fetched.failures.empty:
        told = fetched.explain()[["outcome", "ids", "meaning", "next_step"]]
        parts.append(table(["outcome", "ids", "what it means", "what to do"], told.to_numpy().tolist()))
        first = fetched.failures.head(_LISTED)[["requested_id", "outcome", "message"]]
        count = f"the first {_LISTED} of " if len(fetched.failures) > _LISTED else ""
        summary = f"<summary>{count}{counted(len(fetched.failures), 'id')} without a record</summary>"
        parts.append(f"<details>{summary}{table(first.columns, first.to_numpy().tolist())}</details>")
    if stats.notices:
        parts.append(f"<ul>{''.join(f'<li>{safe(notice)}</li>' for notice in stats.notices)}</ul>")
    return block(*parts)


def _share(stats: Stats) -> str:
    of = f"{stats.outcomes.get(Outcome.OK, 0):,} of {counted(stats.distinct, 'id')}"
    return of if stats.coverage is None else f"{of} ({write(stats.coverage, Unit.SHARE)})"

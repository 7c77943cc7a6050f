"""The lines below a table: what a reader has to know about its figures."""

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from genanalytics.base.text import capitalize, to_sentence
from genanalytics.records.coverage import COVERAGE, UNKNOWN, Coverage, describe_coverage
from genanalytics.tables.figures import SHARES
from genanalytics.units import Unit, add_shown_shares, format_value

_WHOLE = format_value(1.0, Unit.SHARE)


def wrap_notes(notes: Iterable[str], width: int) -> list[str]:
    """Return the lines of notes, wrapped at words.

    >>> wrap_notes(["Times: Asia/Tokyo.", "Weekdays: 1 is Monday."], 20)
    ['Times: Asia/Tokyo.', 'Weekdays: 1 is', '  Monday.']
    """
    fill = textwrap.TextWrapper(
        width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False, drop_whitespace=True
    )
    return [line for note in notes for line in fill.wrap(note)]


def list_notices(summary: pd.DataFrame) -> list[str]:
    """Return the lines below a table: about incomplete coverage of its data, its notices, and unknown coverage."""
    notices = [to_sentence(notice) for notice in summary.attrs.get("notices", ())]
    if COVERAGE not in summary.attrs:  # figures that are not about records
        return notices
    coverage = describe_coverage(Coverage.from_json(summary.attrs[COVERAGE]))
    return put_unknown_last([*filter(None, [coverage]), *notices])


def put_unknown_last(notes: Iterable[str]) -> list[str]:
    """Return notes in their order, but last the one that says nothing of the figures: the coverage is unknown.

    >>> put_unknown_last([UNKNOWN, "Times: Asia/Tokyo."])[0]
    'Times: Asia/Tokyo.'
    """
    return sorted(notes, key=lambda note: note == UNKNOWN)


def describe_gaps(names: Iterable[str], summaries: Sequence[pd.DataFrame]) -> Iterator[str]:
    """Yield the reasons why intervals are missing in summaries of the same data, each with the statistics concerned."""
    labels: dict[str, list[str]] = {}
    for name in names:
        for reason in sorted({reason for one in summaries for reason in one.attrs.get("gaps", {}).get(name, ())}):
            labels.setdefault(reason, []).append(summaries[0].attrs["labels"][name])
    for reason, concerned in labels.items():
        yield f"No interval in some rows for {', '.join(concerned)}: {reason}."


def describe_rounding(shown: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return a line below a table for each column of shares of a total that does not add up to 100.0 %, with a reason.

    Shares are shown as they are: a share that is changed so that the column adds up would be wrong on its own.

    Args:
        shown: The rows of the table, without a total; `attrs["shares_of_total"]` contains the columns that add up to 1
            over all groups.
        names: The columns of the table.

    >>> shown = pd.DataFrame({"cost_share": [1 / 3, 1 / 3, 1 / 3]})
    >>> shown.attrs = {"labels": {"cost_share": "share of cost"}, "shares_of_total": ["cost_share"]}
    >>> describe_rounding(shown, ["cost_share"])
    ['Share of cost: adds up to 99.9 %, since each share is rounded.']
    >>> describe_rounding(shown.head(2), ["cost_share"])
    ['Share of cost: adds up to 66.6 %, since not all rows are shown.']
    """
    lines = []
    for name in names:
        shares = [float(share) for share in shown[name].dropna()] if name in shown.attrs.get(SHARES, ()) else []
        whole, added = math.fsum(shares), add_shown_shares(filter(math.isfinite, shares))
        if not shares or not math.isfinite(whole) or format_value(added, Unit.SHARE) == _WHOLE:
            continue
        label = shown.attrs["labels"][name]
        reason = "each share is rounded" if format_value(whole, Unit.SHARE) == _WHOLE else "not all rows are shown"
        lines.append(f"{capitalize(label)}: adds up to {format_value(added, Unit.SHARE)}, since {reason}.")
    return lines

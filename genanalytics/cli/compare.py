"""The command `compare`."""

from typing import TYPE_CHECKING, Any

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records, split_names
from genanalytics.cli.terminal import say_notes
from genanalytics.cli.values import COLUMN, COLUMNS_OF_GROUPS, METRIC
from genanalytics.units import Unit, find_unit_of_difference

if TYPE_CHECKING:
    import pandas as pd

    from genanalytics.metrics import Comparison

_MAX_ROWS = 20
_COLUMNS = ("a", "b", "value_a", "value_b", "difference", "ratio", "n_a", "n_b", "overlap_a", "overlap_b")
_FEWEST_STRATA = 2
"""The number of strata in a table without --limit, those with most weight."""


@click.command(
    epilog="""\b
Examples:
  genanalytics compare generations.parquet --by provider_name --a OpenAI --b Azure --metric ttft_ms_p50
  genanalytics compare generations.parquet --by streamed --a true --b false --metric error_rate --json"""
)
@click.option(
    "--by",
    required=True,
    metavar="COLUMN",
    type=COLUMN,
    help="Compare two values of this column, or of hour or weekday.",
)
@click.option("--a", required=True, metavar="VALUE", help="Compare this value of the column ...")
@click.option("--b", required=True, metavar="VALUE", help="... with this one.")
@click.option(
    "--metric",
    required=True,
    metavar="NAME",
    type=METRIC,
    help="Compare this mean, rate, ratio or percentile, such as ttft_ms_p50 or error_rate.",
)
@click.option(
    "--match",
    multiple=True,
    metavar="COLUMN[,COLUMN]",
    type=COLUMNS_OF_GROUPS,
    help="Compare within the same values of these columns, such as model,hour (default: model).",
)
@reads_records
@prints_rows
def compare(
    selection: Selection,
    by: str,
    a: str,
    b: str,
    metric: str,
    match: tuple[str, ...],
    output: Output,
) -> None:
    """Compare two groups in one figure, with a 95 % interval.

    Only what both groups have in common counts, such as the same model at the same hour, with the same weight on both
    sides. The requests were not divided at random: anything that is not matched may be the cause of a difference.
    """
    from genanalytics.metrics import compare as compare_groups
    from genanalytics.metrics.comparison import resolve_comparable
    from genanalytics.tables.notes import list_notices

    resolve_comparable(metric)
    if a == b:
        msg = f"--a and --b are both {a!r}: give two values of {by}"
        raise click.UsageError(msg)
    names = split_names(",".join(match)) if match else [name for name in ["model"] if name != by]
    with selection.open() as data:
        sides = [_read_value(data, by, side, selection.tz) for side in (a, b)]
        found = compare_groups(data, by=by, a=sides[0], b=sides[1], metric=metric, match=names, tz=selection.tz)
        row = _make_row(found, data)
    if output.print_rows(row, _COLUMNS):
        return
    strata = found.strata[found.strata["weight"].notna()].sort_values("weight", ascending=False, kind="stable")
    if len(strata) < _FEWEST_STRATA:
        output.refuse_choices("there is only one stratum", "leave it out, or add --json, which prints a row")
    answer = [found.answer, *repr(found).splitlines()[1:]]
    if len(strata) >= _FEWEST_STRATA:
        figures = [name for name in strata.columns if name not in names]
        output.say_table(strata, names, figures, limit=_MAX_ROWS, answer=answer)
    else:
        say_notes(*answer)
    say_notes(*list_notices(row))


def _read_value(data: Any, by: str, text: str, tz: str) -> object:
    """Return a value of the column that is compared by; the text itself if there is no such column."""
    import narwhals.stable.v2 as nw
    import pandas as pd

    from genanalytics.metrics.engines.source import uncover
    from genanalytics.metrics.grouping.calendar import find_zone
    from genanalytics.metrics.grouping.keys import DERIVED
    from genanalytics.metrics.where.rows import parse_value

    schema = nw.from_native(uncover(data)).collect_schema()
    types = {"hour": nw.Int64(), "weekday": nw.Int64(), "day": nw.Datetime(time_zone="UTC")}
    dtype = types.get(by) if by in DERIVED else schema.get(by)
    if dtype is None:
        return text
    zone = find_zone(tz)
    value = parse_value(text, by, dtype, zone)
    return pd.Timestamp(value).tz_convert(zone) if by == "day" else value


def _make_row(found: "Comparison", data: Any) -> "pd.DataFrame":
    """Return a comparison as one row."""
    import pandas as pd

    from genanalytics.metrics.declare import name_limits
    from genanalytics.metrics.summary import describe_completeness

    row = {
        "by": found.by,
        "a": found.a,
        "b": found.b,
        "metric": found.metric.name,
        "match": ",".join(found.match),
        "value_a": found.value_a,
        "value_b": found.value_b,
        **{
            f"{name}{suffix}": getattr(estimate, limit)
            for name, estimate in (("difference", found.difference), ("ratio", found.ratio))
            for suffix, limit in (("", "value"), ("_low", "low"), ("_high", "high"))
        },
        "n_a": found.n_a,
        "n_b": found.n_b,
        "overlap_a": found.overlap_a,
        "overlap_b": found.overlap_b,
        "comparable": found.comparable,
        "gap": found.gap,
    }
    frame = pd.DataFrame([row])
    units = {
        **dict.fromkeys(["value_a", "value_b"], found.metric.unit),
        **dict.fromkeys(["difference", *name_limits("difference")], find_unit_of_difference(found.metric.unit)),
        **dict.fromkeys(["ratio", *name_limits("ratio")], Unit.RATIO),
        **dict.fromkeys(["n_a", "n_b"], Unit.COUNT),
        **dict.fromkeys(["overlap_a", "overlap_b"], Unit.SHARE),
    }
    frame.attrs = {
        "units": {name: unit.value for name, unit in units.items()},
        "labels": {
            "value_a": f"{found.metric.label} of a",
            "value_b": f"{found.metric.label} of b",
            "n_a": "rows of a",
            "n_b": "rows of b",
            "overlap_a": "common of a",
            "overlap_b": "common of b",
        },
        **describe_completeness(data, ()),
    }
    return frame

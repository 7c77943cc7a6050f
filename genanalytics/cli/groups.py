"""The statistics of groups in the form that a user wants."""

from collections.abc import Mapping, Sequence
from typing import Any

from genanalytics.cli.output import FOR_PEOPLE, Output
from genanalytics.cli.records import split_names
from genanalytics.cli.streams import say_table
from genanalytics.cli.terminal import choose_style, find_terminal_width


def print_groups(data: Any, by: Sequence[str], output: Output, **options: Any) -> None:
    """Print the statistics of groups: as data, or as a table with a total.

    Args:
        data: What `Selection.open` yields, perhaps with more columns.
        by: The values of `--by`.
        output: The form.
        options: Options of `summarize`.
    """
    from genanalytics.tables.overview import overview, rank_groups

    columns = split_names(",".join(by))
    if output.form not in FOR_PEOPLE:
        options["metrics"] = _widen_metrics(output, columns, options)
        has_total = output.has_total and (columns or options.get("every"))
        total = rank_groups(data, **options | {"every": None}) if has_total else None
        output.print_rows(rank_groups(data, columns, **options), total=total)
        return
    options |= {"columns": output.columns, "sort": output.sort, "limit": output.limit, "total": output.has_total}
    if not output.is_text_table:
        output.print_document(overview(data, columns, **options))
        return
    width, style = find_terminal_width(), choose_style()
    shown = overview(data, columns, **options, trends=style.has_charts)
    say_table(shown.to_text(width=width, style=style))


def _widen_metrics(output: Output, by: Sequence[str], options: Mapping[str, Any]) -> Any:
    """Return the statistics of `options`, with those that the columns of an output need."""
    from genanalytics.metrics.catalog import DEFAULT, resolve
    from genanalytics.tables.overview import find_statistics

    metrics, every = options.get("metrics"), options.get("every")
    own = resolve(DEFAULT if metrics is None else metrics)
    keys = [*(["time"] if every is not None else []), *by]
    has = {"intervals": bool(options.get("intervals")), "changes": options.get("against") is not None}
    needed = find_statistics(output.columns, output.sort, keys, own, **has)
    return metrics if not needed else [*own, *(name for name in dict.fromkeys(needed) if name != "requests")]

"""How many ids may lack a record before `fetch` and `export` fail: for schedulers, which see the exit code alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import click

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.options import combine
from genanalytics.cli.streams import say
from genanalytics.units import format_count


class _Share(click.ParamType):  # type: ignore[type-arg] # generic in newer versions of click only
    """A share from 0 to 1."""

    name = "SHARE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the share; refuse percentages, NaN and other texts."""
        try:
            share = float(str(value))
        except ValueError:
            share = -1.0
        if not 0.0 <= share <= 1.0:
            self.fail(f"{value!a:.80} is not a share: give a number from 0 to 1, such as 0.9", param, ctx)
        return share


SHARE = _Share()

tolerance_options = combine(
    click.option("--min-coverage", type=SHARE, help="Exit with 0 if this share of the ids has a record: 0.9."),
    click.option("--allow-missing", is_flag=True, help="Exit with 0 even if ids have no record."),
)
"""The options of `Tolerance`."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The missing records that a run may have.

    Attributes:
        min_coverage: The share of the ids that must have a record; None for all of them.
        allow_missing: Whether any number of ids may lack a record, as long as the service answers.
    """

    min_coverage: float | None
    allow_missing: bool

    def __post_init__(self) -> None:
        """Refuse options that contradict each other."""
        if self.allow_missing and self.min_coverage is not None:
            msg = "--allow-missing and --min-coverage are alternatives: give one of them"
            raise click.UsageError(msg)

    @property
    def is_given(self) -> bool:
        """Whether an option was given."""
        return self.allow_missing or self.min_coverage is not None

    def finish(self, coverage: float | None, outcomes: Mapping[str, int]) -> Exit:
        """Return the exit code of a run, and print why if the service was down.

        Args:
            coverage: The share of the ids with a record; None without ids.
            outcomes: The number of ids with each outcome.
        """
        from genanalytics.fetching.answers import is_outage

        is_down = is_outage(outcomes)
        if is_down:
            ids = format_count(sum(outcomes.values()), "id")
            what = f"the service cannot be reached, or gives no usable answer, for {ids}"
            say(f"Error: nothing was fetched: {what}. Check with `genanalytics doctor`, then run again.", err=True)
        if self.min_coverage is not None:
            enough = coverage is None or coverage >= self.min_coverage
        else:
            enough = coverage in {None, 1.0} or (self.allow_missing and not is_down)
        return Exit.SUCCESS if enough else Exit.PARTIAL

"""The command `export`: ids to a data set that grows, or ids or records to one file for other programs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.ids import collect_notices, read_given_ids
from genanalytics.cli.options import (
    DIRECTORY,
    FILE,
    client_options,
    force_option,
    ids_arguments,
    keep_richer_file,
    open_client,
    print_notices,
    quiet_option,
    report_kept_files,
)
from genanalytics.cli.redaction import make_redaction, redact_options
from genanalytics.cli.stdin import hold_stdin
from genanalytics.cli.streams import emit, say
from genanalytics.cli.tolerance import Tolerance, tolerance_options
from genanalytics.errors import InputError
from genanalytics.units import Unit, format_count, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from genanalytics.dataset.export import ExportResult
    from genanalytics.dataset.redact import Redaction
    from genanalytics.ids.read import Ids


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of `export` besides the ids; `client` contains those of `open_client`."""

    dataset: str | None
    output: str | None
    source: str | None
    partition: str | None
    format: Any
    retry: bool
    redact: str
    redact_key_file: str | None
    focus: bool
    wait_s: float
    accept_mismatch: bool
    force: bool
    as_json: bool
    quiet: bool
    min_coverage: float | None
    allow_missing: bool
    client: "Mapping[str, Any]"

    def check(self, *, has_ids: bool) -> None:
        """Refuse options that do not go together."""
        tolerance, msg = self.tolerance, ""
        if (self.dataset is None) == (self.output is None):
            msg = "give --dataset DIR for a data set that grows, or --output FILE for one file"
        elif self.dataset is not None and (self.source is not None or self.focus):
            msg = "--from and --focus write one file: give --output FILE"
        elif self.output is not None and (self.retry or self.partition is not None or self.format is not None):
            msg = "--retry, --partition and --format are about a data set: give --dataset DIR"
        elif self.dataset is not None and self.force:
            msg = "--force replaces one file; a data set only grows: give --output FILE"
        elif self.source is not None and has_ids:
            msg = "--from reads existing records: give no ids"
        elif self.source is not None and tolerance.is_given:
            msg = "--min-coverage and --allow-missing are about ids; --from fetches none: drop them"
        if msg:
            raise click.UsageError(msg)

    @property
    def tolerance(self) -> Tolerance:
        """The missing records that are no failure."""
        return Tolerance(self.min_coverage, self.allow_missing)

    @property
    def redaction(self) -> "Redaction | None":
        """The columns to redact."""
        return make_redaction(self.redact, self.redact_key_file)

    @property
    def fetching(self) -> "Mapping[str, Any]":
        """The options of a fetch."""
        progress = False if self.quiet else None
        return {"wait_s": self.wait_s, "accept_mismatch": self.accept_mismatch, "progress": progress}


@click.command(
    epilog="""\b
Examples:
  genanalytics export --input ids.txt --dataset generations/
  genanalytics export --dataset generations/ --retry --json
  genanalytics export --input ids.txt --dataset s3://bucket/generations
  genanalytics export --input ids.txt --dataset table/ --format delta
  genanalytics export --from generations/ --output charges.csv --focus --redact session_id"""
)
@ids_arguments
@click.option(
    "--dataset", type=DIRECTORY, help="Add to the data set in this directory or at this URL, each record once."
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    help="Write one file: .parquet, .csv (for spreadsheets), .jsonl, .arrow or .duckdb.",
)
@click.option(
    "--from", "source", metavar="FILE|DIR", type=FILE, help="Read existing records (- for stdin); fetch none."
)
@click.option(
    "--partition",
    type=click.Choice(["month", "day", "none"]),
    help="Divide the data set by month or day, or not at all (default: as before; month for a new data set).",
)
@click.option(
    "--format",
    type=click.Choice(["parquet", "delta"]),
    help="Write Parquet files with a manifest, or a Delta table (default: as before; parquet for a new data set).",
)
@click.option("--retry", is_flag=True, help="Also request failed ids whose retry_at has passed.")
@redact_options
@click.option("--focus", is_flag=True, help="Write charges in the columns of FOCUS 1.2 (FinOps).")
@force_option
@tolerance_options
@client_options
@click.option("--json", "as_json", is_flag=True, help="Print the counts as a JSON object.")
@quiet_option
def export(ids: tuple[str, ...], inputs: tuple[str, ...], **given: Any) -> int:
    """Fetch records into a data set, or into one file.

    A data set contains each record once, even if its id is given again. If a run ends early, run it again to finish.
    """
    own = {name: given.pop(name) for name in _Options.__slots__ if name in given}
    options = _Options(**own, client=given)
    options.check(has_ids=bool(ids or inputs))
    dataset = options.dataset
    if dataset is not None:
        if options.retry and not (ids or inputs):
            from genanalytics.dataset.writers import count_files

            count_files(dataset)  # it must exist
            return _export_to_dataset((), [], dataset, options)
        return _export_to_dataset(*read_given_ids(ids, inputs, lazily=True), dataset, options)
    file = _File(str(options.output), options.redaction, focus=options.focus, force=options.force)
    file.check()
    if options.source is not None:
        return _convert_to_file(options.source, file, options)
    return _fetch_to_file(*read_given_ids(ids, inputs, lazily=True), file, options)


def _export_to_dataset(ids: "Iterable[str]", reads: "list[Ids]", dataset: str, options: _Options) -> int:
    from genanalytics.dataset.export import export as export_ids

    partition: Any = _choose_partition(dataset, options.partition)
    redact = options.redaction
    with open_client(options.client) as client:
        result = export_ids(
            ids,
            dataset,
            partition=partition,
            format=options.format,
            client=client,
            redact=redact,
            retry=options.retry,
            **options.fetching,
        )
    if options.as_json:
        emit(json.dumps({**asdict(result), "coverage": result.coverage}))
    if not options.quiet:
        print_notices(collect_notices(reads))
        _print_report(result, dataset)
    return options.tolerance.finish(result.coverage, result.outcomes)


def _choose_partition(dataset: str, named: str | None) -> str | None:
    from genanalytics.dataset.writers import read_partition

    if named is None:
        return read_partition(dataset)
    return None if named == "none" else named


def _print_report(result: "ExportResult", dataset: str) -> None:
    """Print the counts on stderr; the last line is the coverage."""
    say(str(result), err=True)
    print_notices(result.notices)
    young = f", {result.young:,} of them young and to be asked for again" if result.young else ""
    say(f"{dataset} contains {format_count(result.rows, 'record')}{young}.", err=True)
    if result.failures:
        from genanalytics.dataset.writers import name_failures

        ids = format_count(result.failures, "id")
        say(f"{dataset} lists {ids} without a record in {name_failures(dataset)}; --retry asks again.", err=True)
    missing = result.distinct - result.present - result.outcomes.get("ok", 0)
    _print_coverage(result.coverage, result.distinct, missing, "")


def _print_coverage(coverage: float | None, ids: int, missing: int, advice: str) -> None:
    if coverage is None:
        say("Coverage: there were no ids to ask for.", err=True)
        return
    lacking = f"; {missing:,} missing, so totals are lower bounds{advice}" if missing else ""
    share = format_value(coverage, Unit.SHARE)
    say(f"Coverage: {share} of {format_count(ids, 'id')} have a record{lacking}.", err=True)


@dataclass(frozen=True, slots=True)
class _File:
    """One file for other programs."""

    path: str
    redaction: "Redaction | None"
    focus: bool
    force: bool

    @property
    def is_verbatim(self) -> bool:
        """Whether it contains the answers as the service sent them."""
        return Path(self.path).suffix.lower() == ".jsonl" and not self.focus and self.redaction is None

    def check(self) -> None:
        """Refuse, before the work, a file that cannot be written after it."""
        from genanalytics.files import check_suffix, check_target

        check_target(self.path)
        if self.focus and check_suffix(self.path) == ".jsonl":
            msg = "--focus writes tables: give a file that ends in .csv, .parquet, .arrow or .duckdb"
            raise InputError(msg)

    def write(self, frame: "pd.DataFrame") -> list[str]:
        """Write redacted records, and return notices."""
        from genanalytics.files import check_suffix, write, write_spreadsheet
        from genanalytics.records.frame import to_arrow, to_frame
        from genanalytics.service.focus import focus_charges

        if self.redaction is not None:
            frame = to_frame(self.redaction.apply(to_arrow(frame)))
        if self.focus:
            frame = focus_charges(frame)
        if check_suffix(self.path) != ".csv":
            write(frame, self.path, force=self.force)
            return []
        changed = write_spreadsheet(frame, self.path, force=self.force)
        if not changed:
            return []
        cells = format_count(changed, "cell")
        notice = f"{cells} of {self.path} could run as a formula (= + - @) and got a leading apostrophe"
        return [f"{notice}; the other formats keep the text"]


def _fetch_to_file(ids: "Iterable[str]", reads: "list[Ids]", file: _File, options: _Options) -> int:
    from genanalytics.base.atomic import replace_file
    from genanalytics.fetching.fetch import fetch, fetch_verbatim
    from genanalytics.files import check_replacement
    from genanalytics.formats.sidecar import write_sidecar
    from genanalytics.records.coverage import COVERAGE, Coverage

    notices: list[str] = []
    kept: list[str] = []
    with open_client(options.client) as client:
        if file.is_verbatim:
            with keep_richer_file(kept), replace_file(Path(file.path)) as part:
                with part.open("wb") as stream:
                    result = fetch_verbatim(ids, stream, client=client, **options.fetching)
                if not file.force:
                    found = result.stats.outcomes.get("ok", 0)
                    check_replacement(file.path, missing=set(result.failures["requested_id"]) if found else None)
                write_sidecar(Path(file.path), None)
            if not kept:
                write_sidecar(Path(file.path), Coverage.from_json(result.frame.attrs.get(COVERAGE)))
        else:
            result = fetch(ids, client=client, **options.fetching)
            with keep_richer_file(kept):
                notices = file.write(result.frame)
    stats, missing = result.stats, len(result.failures)
    if options.as_json:
        emit(json.dumps({**asdict(stats), "coverage": stats.coverage}))
    if not options.quiet:
        say(str(stats), err=True)
        print_notices([*collect_notices(reads), *stats.notices, *notices])
        if not kept:
            say(f"Wrote {format_count(stats.distinct - missing, 'record')} to {file.path}.", err=True)
        advice = "; `genanalytics fetch --failures FILE` lists them"
        _print_coverage(stats.coverage, stats.distinct, missing, advice)
    report_kept_files(kept)
    code = options.tolerance.finish(stats.coverage, stats.outcomes)
    return Exit.PARTIAL if kept else code


def _convert_to_file(source: str, file: _File, options: _Options) -> int:
    from genanalytics.files import read
    from genanalytics.records.coverage import describe_coverage, find_coverage

    with hold_stdin([source]) as held:
        frame = read(*held)
    notices, coverage = file.write(frame), find_coverage(frame)
    if options.as_json:
        emit(json.dumps({"rows": len(frame), "coverage": coverage and coverage.share_of_rows}))
    if not options.quiet:
        print_notices(notices)
        say(f"Wrote {format_count(len(frame), 'record')} to {file.path}.", err=True)
        if coverage is not None and coverage.is_partial:
            say(describe_coverage(coverage), err=True)
    return 0

"""The command line's `export` and `compact`: ids to a data set that grows, or to one file for other programs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genanalytics.cli.ids import given_ids, notices_of, tell
from genanalytics.cli.options import EXIT_PARTIAL, client_options, ids_arguments, opened_client
from genanalytics.cli.types import DIRECTORY, FILE
from genanalytics.errors import InputError
from genanalytics.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from genanalytics.dataset.export import Exported
    from genanalytics.dataset.redact import Redaction
    from genanalytics.ids.read import Ids


@click.command(
    epilog="""\b
Examples:
  genanalytics export --input ids.txt --dataset generations/
  genanalytics export --dataset generations/ --retry --json
  genanalytics export --from generations/ --output charges.csv --focus --redact session_id"""
)
@ids_arguments
@click.option("--dataset", type=DIRECTORY, help="Add to the Parquet data set in this directory, each record once.")
@click.option(
    "-o", "--output", type=FILE, help="Or write one file: .parquet, .csv (for spreadsheets), .jsonl, .arrow or .duckdb."
)
@click.option(
    "--from", "source", metavar="FILE|DIR", type=FILE, help="Take records from what was written before; ask for none."
)
@click.option(
    "--partition",
    type=click.Choice(["month", "day", "none"]),
    help="What divides the data set's files (default: as it is, month for a new one).",
)
@click.option("--retry", is_flag=True, help="Ask for the data set's failures whose time to try again has come.")
@click.option("--redact", metavar="COLUMN[,COLUMN]", default="", help="Empty these columns, such as session_id.")
@click.option("--redact-key-file", type=FILE, help="Replace them by tokens made with the key in this file instead.")
@click.option("--focus", is_flag=True, help="Write charges in the columns of FOCUS 1.2 (FinOps).")
@client_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object of what was done.")
@click.option("--quiet", is_flag=True, help="No notices and no progress on stderr.")
def export(
    ids: tuple[str, ...],
    inputs: tuple[str, ...],
    dataset: str | None,
    output: str | None,
    **options: Any,
) -> int:
    """Fetch records into a data set that grows, or into one file for other programs.

    A data set holds each record once, however often its id is given; a run that ends early, in whatever way, is
    finished by running it again.
    """
    from genanalytics.dataset.manifest import read_manifest

    if dataset is not None and output is None:
        _check_none(options, ("source", "focus"), "--from and --focus write one file: give --output FILE")
        if ids or inputs or not options["retry"]:
            return _to_dataset(given_ids(ids, inputs, lazily=True), dataset, **options)
        read_manifest(dataset)  # which has to be there
        return _to_dataset(((), []), dataset, **options)
    if output is None or dataset is not None:
        msg = "give --dataset DIR for a data set that grows, or --output FILE for one file"
        raise click.UsageError(msg)
    _check_none(options, ("retry", "partition"), "--retry and --partition are about a data set: give --dataset DIR")
    file = _File(output, _redaction(options.pop("redact"), options.pop("redact_key_file")), focus=options["focus"])
    file.check()
    if options["source"] is None:
        return _fetched_to_file(given_ids(ids, inputs, lazily=True), file, **options)
    if ids or inputs:
        msg = "--from takes records that are there: give no ids"
        raise click.UsageError(msg)
    return _file_to_file(options["source"], file, as_json=options["as_json"], quiet=options["quiet"])


def _check_none(options: "Mapping[str, object]", names: "Sequence[str]", msg: str) -> None:
    if any(options[name] for name in names):
        raise click.UsageError(msg)


@click.command(
    epilog="""\b
Examples:
  genanalytics compact generations/"""
)
@click.argument("directory", metavar="DIR", type=DIRECTORY)
def compact(directory: str) -> None:
    """Merge the small files of a data set; those who read it meanwhile see it as before or as after."""
    from genanalytics.dataset.manifest import read_manifest
    from genanalytics.dataset.writer import compact as compact_dataset

    fewer = compact_dataset(directory)
    left = counted(len(read_manifest(directory).files), "file")
    click.echo(f"{directory} has {left} now, {fewer:,} fewer than before.", err=True)


def _to_dataset(
    given: "tuple[Iterable[str], list[Ids]]",
    dataset: str,
    *,
    partition: str | None,
    redact: str,
    redact_key_file: str | None,
    retry: bool,
    wait_s: float,
    accept_mismatch: bool,
    as_json: bool,
    quiet: bool,
    source: None,  # noqa: ARG001 - about files, and refused before
    focus: bool,  # noqa: ARG001
    **client: Any,
) -> int:
    from genanalytics.dataset.export import export as export_ids

    ids, reads = given
    divided_by: Any = _partition_of(dataset, partition)
    redaction = _redaction(redact, redact_key_file)
    with opened_client(client) as opened:
        exported = export_ids(
            ids,
            dataset,
            partition=divided_by,
            client=opened,
            redact=redaction,
            retry=retry,
            wait_s=wait_s,
            accept_mismatch=accept_mismatch,
            progress=False if quiet else None,
        )
    if as_json:
        click.echo(json.dumps({**asdict(exported), "coverage": exported.coverage}))
    if not quiet:
        tell(notices_of(reads))
        _report(exported, dataset)
    return 0 if exported.coverage in {None, 1.0} else EXIT_PARTIAL


def _report(exported: "Exported", dataset: str) -> None:
    """Say on stderr what was done; the last line tells the coverage."""
    from genanalytics.units import Unit, write

    click.echo(str(exported), err=True)
    tell(exported.notices)
    young = f", {exported.young:,} of them young and to be asked for again" if exported.young else ""
    click.echo(f"{dataset} holds {counted(exported.rows, 'record')}{young}.", err=True)
    if exported.failures:
        told = f"{counted(exported.failures, 'id')} without a record: see failures.parquet; --retry asks again"
        click.echo(f"{dataset} knows {told}.", err=True)
    if exported.coverage is None:
        click.echo("Coverage: there was no id to ask for.", err=True)
        return
    missing = exported.distinct - exported.present - exported.outcomes.get("ok", 0)
    lower = f"; {missing:,} {'is' if missing == 1 else 'are'} missing, so totals are lower bounds" if missing else ""
    share = write(exported.coverage, Unit.SHARE)
    click.echo(f"Coverage: {share} of {counted(exported.distinct, 'id')} have a record{lower}.", err=True)


def _partition_of(dataset: str, named: str | None) -> str | None:
    from genanalytics.dataset.manifest import is_dataset, read_manifest

    if named is None:
        return read_manifest(dataset).partition if is_dataset(dataset) else "month"
    return None if named == "none" else named


def _redaction(names: str, key_file: str | None) -> "Redaction | None":
    from genanalytics.dataset.redact import Redaction, read_key

    columns = [name.strip() for name in names.split(",") if name.strip()]
    if not columns:
        if key_file is not None:
            msg = "--redact-key-file is for the columns of --redact: name them"
            raise click.UsageError(msg)
        return None
    return Redaction(columns, None if key_file is None else read_key(Path(key_file)))


@dataclass(frozen=True, slots=True)
class _File:
    """One file to be written, in the form that others want."""

    path: str
    redaction: "Redaction | None"
    focus: bool

    @property
    def is_verbatim(self) -> bool:
        """Whether it holds the answers as they came."""
        return Path(self.path).suffix.lower() == ".jsonl" and not self.focus and self.redaction is None

    def check(self) -> None:
        """Refuse before the work what cannot be written after it."""
        from genanalytics.files import checked_suffix, checked_target

        checked_target(self.path)
        if self.focus and checked_suffix(self.path) == ".jsonl":
            msg = "--focus writes tables: name a file that ends in .csv, .parquet, .arrow or .duckdb"
            raise InputError(msg)

    def write(self, frame: "pd.DataFrame", asked: int | None) -> list[str]:
        """Write records as they may leave, and return what should be known of the file."""
        from genanalytics.files import checked_suffix, write_frame, write_spreadsheet
        from genanalytics.records.frame import as_table, from_table
        from genanalytics.service.focus import focus_charges

        if self.redaction is not None:
            frame = from_table(self.redaction.of(as_table(frame)))
        if self.focus:
            frame, asked = focus_charges(frame), None
        if checked_suffix(self.path) != ".csv":
            write_frame(frame, self.path, asked=asked)
            return []
        changed = write_spreadsheet(frame, self.path)
        told = (
            f"{counted(changed, 'cell')} of {self.path} began as a formula does (= + - @), so that an apostrophe stands"
        )
        return [f"{told} before the text; the other forms hold it as it was"] if changed else []


def _fetched_to_file(
    given: "tuple[Iterable[str], list[Ids]]",
    file: _File,
    *,
    wait_s: float,
    accept_mismatch: bool,
    as_json: bool,
    quiet: bool,
    source: None,  # noqa: ARG001 - used or refused before
    focus: bool,  # noqa: ARG001
    partition: None,  # noqa: ARG001
    retry: bool,  # noqa: ARG001
    **client: Any,
) -> int:
    from genanalytics.base.atomic import replacing
    from genanalytics.fetching.fetch import fetch, fetch_verbatim

    ids, reads = given
    how: dict[str, Any] = {"wait_s": wait_s, "accept_mismatch": accept_mismatch, "progress": False if quiet else None}
    notes: list[str] = []
    with opened_client(client) as opened:
        if file.is_verbatim:
            with replacing(Path(file.path)) as part, part.open("wb") as stream:
                fetched = fetch_verbatim(ids, stream, client=opened, **how)
        else:
            fetched = fetch(ids, client=opened, **how)
            notes = file.write(fetched.frame, fetched.stats.distinct)
    stats, missing = fetched.stats, len(fetched.failures)
    if as_json:
        click.echo(json.dumps({**asdict(stats), "coverage": stats.coverage}))
    if not quiet:
        click.echo(str(stats), err=True)
        tell([*notices_of(reads), *stats.notices, *notes])
        lower = (
            "; totals are lower bounds, and `genanalytics fetch --failures FILE` lists the others" if missing else ""
        )
        click.echo(
            f"Coverage: {stats.distinct - missing:,} of {counted(stats.distinct, 'id')} have a record in"
            f" {file.path}{lower}.",
            err=True,
        )
    return EXIT_PARTIAL if missing else 0


def _file_to_file(source: str, file: _File, *, as_json: bool, quiet: bool) -> int:
    from genanalytics.files import coverage_of
    from genanalytics.reading import open_frame

    frame, coverage = open_frame(source), coverage_of(source)
    notes = file.write(frame, round(len(frame) / coverage) if coverage else None)
    if as_json:
        click.echo(json.dumps({"rows": len(frame), "coverage": coverage}))
    if not quiet:
        tell(notes)
        click.echo(f"Wrote {counted(len(frame), 'record')} to {file.path}.", err=True)
    return 0

"""The options that redact columns before records are written."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from genanalytics.cli.options import FILE, combine
from genanalytics.cli.records import split_names

if TYPE_CHECKING:
    from genanalytics.dataset.redact import Redaction

redact_options = combine(
    click.option("--redact", metavar="COLUMN[,COLUMN]", default="", help="Empty these columns, such as session_id."),
    click.option(
        "--redact-key-file",
        type=FILE,
        help="Replace the values of the redacted columns with tokens made with the key in this file.",
    ),
)
"""The arguments of `make_redaction`."""


def make_redaction(redact: str, redact_key_file: str | None) -> "Redaction | None":
    """Return the columns to redact; None without any.

    Raises:
        click.UsageError: There is a key, but no column.
        InputError: A column is unknown, or the file of the key cannot be used.
    """
    from genanalytics.dataset.redact import Redaction, read_key

    columns = split_names(redact)
    if redact_key_file is not None and not columns:
        msg = "--redact-key-file is for the columns of --redact: name them"
        raise click.UsageError(msg)
    if not columns:
        return None
    return Redaction(columns, None if redact_key_file is None else read_key(Path(redact_key_file)))

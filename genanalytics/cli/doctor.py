"""The command line's `doctor` command."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from textwrap import indent

import click

from genanalytics.cli.options import EXIT_FAILURE, EXIT_KEY_REFUSED, key_in
from genanalytics.cli.types import DIRECTORY, FILE


@click.command(
    epilog="""\b
Examples:
  genanalytics doctor
  genanalytics doctor --offline --json"""
)
@click.option("--base-url", metavar="URL", help="Where the API is (or GENANALYTICS_BASE_URL).")
@click.option("--api-key-file", type=FILE, help="File that holds the key (or OPENROUTER_API_KEY).")
@click.option("--cache-dir", type=DIRECTORY, help="Directory of the cache (or GENANALYTICS_CACHE_DIR).")
@click.option("--offline", is_flag=True, help="Send nothing: whether the service takes the key is then not known.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def doctor(base_url: str | None, api_key_file: str | None, cache_dir: str | None, offline: bool, as_json: bool) -> int:
    """Look at what a run needs: Python, packages, key, service, cache.

    The service is asked once, for an id that no generation has; its answer shows whether it takes the key. The key
    itself is never shown. Exit code 0 where a fetch can run, 4 where there is no key or the service refuses it, 1 where
    there is another problem.
    """
    from genanalytics.cli.checks import State, examine
    from genanalytics.fetching.client import BASE_URL_VARIABLE, CACHE_DIR_VARIABLE, DEFAULT_BASE_URL, cache_directory
    from genanalytics.fetching.transport import KEY_VARIABLE, Secret

    findings = []
    for finding in examine(
        Secret(key_in(Path(api_key_file)) if api_key_file else os.environ.get(KEY_VARIABLE)),
        base_url=base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL,
        cache_dir=cache_directory(cache_dir or os.environ.get(CACHE_DIR_VARIABLE)),
        offline=offline,
    ):
        findings.append(finding)
        if not as_json:
            click.echo(f"{finding.state:<8} {finding.check:<9} {finding.found}")
            if finding.next_step:
                click.echo(indent(f"next: {finding.next_step}", " " * 19))
    problems = {finding.check for finding in findings if finding.state is State.PROBLEM}
    if as_json:
        click.echo(json.dumps({"ok": not problems, "findings": [asdict(finding) for finding in findings]}))
    if "key" in problems:
        return EXIT_KEY_REFUSED
    return EXIT_FAILURE if problems else 0

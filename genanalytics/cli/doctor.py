"""The command `doctor`."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.options import api_key_option, base_url_option, cache_option, json_option, read_api_key
from genanalytics.cli.streams import emit, say


@click.command(
    epilog="""\b
Examples:
  genanalytics doctor
  genanalytics doctor --offline --json"""
)
@base_url_option
@api_key_option
@cache_option
@click.option("--offline", is_flag=True, help="Send nothing; whether the service accepts the API key stays unknown.")
@json_option
def doctor(base_url: str | None, api_key_file: str | None, cache_dir: str | None, offline: bool, as_json: bool) -> int:
    """Check Python, packages, API key, service and cache.

    Sends one request, for an id that no generation has; the answer shows whether the service accepts the API key. The
    key itself is never shown. Exit code 0: a fetch can run. 4: there is no API key, or the service refuses it. 1:
    another problem.
    """
    from genanalytics.cli.checks import State, check_all
    from genanalytics.fetching.environment import find_base_url, find_cache_directory
    from genanalytics.fetching.secret import KEY_VARIABLE, Secret

    findings = []
    for finding in check_all(
        Secret(read_api_key(Path(api_key_file)) if api_key_file else os.environ.get(KEY_VARIABLE)),
        base_url=find_base_url(base_url),
        cache_dir=find_cache_directory(cache_dir),
        offline=offline,
    ):
        findings.append(finding)
        if not as_json:
            say(f"{finding.state:<8} {finding.check:<9} {finding.found}")
            if finding.next_step:
                say(f"{'':18} next: {finding.next_step}")
    problems = {finding.check for finding in findings if finding.state is State.PROBLEM}
    if as_json:
        emit(json.dumps({"ok": not problems, "findings": [asdict(finding) for finding in findings]}))
    if "key" in problems:
        return Exit.KEY_REFUSED
    return Exit.FAILURE if problems else Exit.SUCCESS

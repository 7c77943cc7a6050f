"""A reader who runs a document: its Python blocks in one session, its console blocks in one shell."""

import doctest
import gzip
import io
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

import genanalytics as ga
from genanalytics.cli.main import run
from genanalytics.sandbox import Sample, activity_csv, sample

SHOWN_ID = "gen-1756000000-AbCdEfGhIjKlMnOpQrSt"
"""The id that the documents show."""
SHOWN_URL = "http://127.0.0.1:8000/api/v1"
"""The base URL of the sandbox in the documents; in tests it has any free port."""

_OTHER_PROGRAMS = frozenset({"base64", "head", "jq"})

_FENCED = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n+)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: The language.
        code: The lines.
        line: The number of the first line on the page.
        reason: The reason for not running it, from a comment before it on the page; empty if it is run.
    """

    language: str
    code: str
    line: int
    reason: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCED.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        yield Block(found["language"], found["code"], line, found["reason"] or "")


@dataclass(slots=True)
class Reader:
    """A reader of a page, who runs its blocks from top to bottom."""

    page: Path
    base_url: str
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    code: int = 0
    lacking: set[str] = field(default_factory=set)

    def do(self, block: Block) -> None:
        text = block.code.replace(SHOWN_URL, self.base_url)
        if block.language == "console":
            self._type(text, f"{self.page.name}, line {block.line}")
        elif text.startswith(">>>"):
            self._compare(text, block)
        else:
            source = "\n" * (block.line - 1) + text  # so that a traceback shows the page
            exec(compile(source, str(self.page), "exec"), self.names)  # noqa: S102 - the project's own documents

    def _compare(self, text: str, block: Block) -> None:
        examples = doctest.DocTestParser().get_doctest(text, self.names, self.page.name, str(self.page), block.line - 1)
        said: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
        runner.run(examples, out=said.append, clear_globs=False)
        self.names.update(examples.globs)
        assert not runner.failures, "".join(said)

    def _type(self, text: str, where: str) -> None:
        commands = re.split(r"^\$ ", text.replace("\\\n", ""), flags=re.MULTILINE)
        assert commands[0] == "", f"{where}: a console block begins with '$ '"
        answered = True
        for command in commands[1:]:
            line, _, shown = command.partition("\n")
            if line == "echo $?":
                assert shown.strip() == str(self.code), f"{where}: the exit code is {self.code}"
                answered = True
                continue
            assert answered, f"{where}: before {line!r} a command ended with {self.code}, which the page does not show"
            said = self._run(line)
            answered = self.code == 0
            if shown.strip():
                assert matches(shown, said), f"{where}: {line!r} says\n{said}"
        assert answered, f"{where}: the last command ended with {self.code}:\n{said}"

    def _run(self, line: str) -> str:
        """Run a line as a shell with `pipefail` would, and return what a terminal shows of it."""
        words = shlex.shlex(line, posix=True, punctuation_chars="|>")
        words.whitespace_split = True
        parts = [(end, list(part)) for end, part in groupby(words, lambda word: word if word in {"|", ">"} else "")]
        programs = [part for end, part in parts if not end]
        target = Path(programs.pop()[0]).expanduser() if any(end == ">" for end, _ in parts) else None
        screen, data, self.code = io.BytesIO(), b"", 0
        for program in programs:
            if program[0] in _OTHER_PROGRAMS and shutil.which(program[0]) is None:
                self.lacking.add(program[0])
                break
            code, data = self._start(program, data, screen)
            self.code = code or self.code
        if target is not None:
            target.write_bytes(data)
        else:
            screen.write(data)
        return screen.getvalue().decode()

    @staticmethod
    def _start(program: list[str], data: bytes, screen: io.BytesIO) -> tuple[int, bytes]:
        name, *arguments = program
        if name == "export":
            os.environ.update(dict(argument.split("=", 1) for argument in arguments))
            return 0, b""
        if name != "genanalytics":
            assert name in _OTHER_PROGRAMS, f"{name} is not started by a test: mark the block"
            done = subprocess.run(program, input=data, capture_output=True, check=False)
            screen.write(done.stderr)
            return done.returncode, done.stdout
        out, errors = io.BytesIO(), io.TextIOWrapper(screen, "utf-8", write_through=True)
        output = io.TextIOWrapper(out, "utf-8", write_through=True)
        with redirect_stdout(output), redirect_stderr(errors), patch("sys.stdin", io.TextIOWrapper(io.BytesIO(data))):
            code = run(arguments)
        errors.detach()
        return code, out.getvalue()


def matches(shown: str, said: str) -> bool:
    """Return whether a page shows an output; `...` on the page matches any text."""
    lines = "\n".join(line.rstrip() for line in said.strip().splitlines())
    return re.fullmatch(re.escape(shown.strip()).replace(r"\.\.\.", ".*"), lines, re.DOTALL) is not None


def make_sample() -> Sample:
    """Return the sample with one more record: that of the id in the documents, which is in no list."""
    month = sample()
    shown = {**next(iter(month.records.values())), "id": SHOWN_ID, "created_at": "2025-08-24T01:46:40.123Z"}
    records: Mapping[str, Any] = {SHOWN_ID: shown, **month.records}
    return Sample(month.ids, records)


def furnish(directory: Path, month: Sample, client: ga.Client) -> None:
    """Write the files that the documents use: ids in every format, records, activity exports, a home directory."""
    directory.mkdir()
    ids = [generation_id for generation_id in month.records if generation_id != SHOWN_ID]
    (directory / "ids.txt").write_text("".join(f"{generation_id}\n" for generation_id in ids))
    (directory / "sample-ids.txt").write_text("".join(f"{generation_id}\n" for generation_id in month.ids))
    (directory / "logs").mkdir()
    lines = "".join(json.dumps({"event": "done", "id": generation_id}) + "\n" for generation_id in month.records)
    (directory / "logs" / "app.jsonl").write_text(lines)
    with gzip.open(directory / "export.csv.gz", "wt") as stream:
        stream.write("number,generation_id\n" + "".join(f"{row},{generation}\n" for row, generation in enumerate(ids)))
    pd.DataFrame({"generation_id": ids}).to_parquet(directory / "calls.parquet")
    with sqlite3.connect(directory / "app.db") as database:
        database.execute("CREATE TABLE calls (generation_id TEXT)")
        database.executemany("INSERT INTO calls VALUES (?)", [(generation_id,) for generation_id in ids])
    database.close()
    frame = ga.fetch(ids, client=client).frame
    ga.write_parquet(frame, directory / "generations.parquet")
    ga.export(ids, directory / "generations", client=client)
    records, half = [month.records[generation_id] for generation_id in ids], len(ids) // 2
    for name, part in {
        "openrouter_activity.csv": records,
        "openrouter_activity_2026-08.csv": records,
        "july.csv": records[:half],
        "august.csv": records[half:],
    }.items():
        (directory / name).write_text(activity_csv(part, month.items), encoding="utf-8")
    users = [f"user-{number}" for number in range(1, 41)]
    customers = ["south" if number % 3 == 0 else "north" for number in range(1, 41)]
    pd.DataFrame({"external_user": users, "customer": customers}).to_csv(directory / "customers.csv", index=False)
    scores = [number * 7 % 11 / 10 for number in range(len(ids))]
    pd.DataFrame({"requested_id": ids, "score": scores}).to_csv(directory / "evaluations.csv", index=False)
    for name in (".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"):
        (directory / name).mkdir(parents=True)

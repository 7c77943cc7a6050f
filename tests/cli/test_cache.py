import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from genanalytics.cache.archive import FILE_NAME, Archive
from genanalytics.cache.entry import Entry, make_cache_key
from genanalytics.cli.main import run
from genanalytics.fetching.secret import Secret
from support.faults import envelope, make_ids, record_of

NOW = time.time()
FINAL, YOUNG, MISSING = make_ids(3)


def key_of(generation_id: str) -> str:
    return make_cache_key("https://gateway.example/v1", "team-a", generation_id)


def an_entry(generation_id: str) -> Entry:
    body = envelope(record_of(generation_id)).replace(b", ", b",\r\n ")
    return Entry(
        generation_id,
        f"https://gateway.example/v1/generation?id={generation_id}",
        200,
        NOW - 40 * 86_400,
        None,
        None,
        body,
    )


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache with a final record of 40 days ago, a young one of now, and a 404 of two hours ago."""
    archive = Archive(tmp_path / "cache")
    archive.store(
        {
            key_of(FINAL): an_entry(FINAL),
            key_of(YOUNG): an_entry(YOUNG)._replace(fetched_at=NOW, expires=int(NOW) + 60),
            key_of(MISSING): an_entry(MISSING)._replace(
                status=404, fetched_at=NOW - 7_200, expires=int(NOW) + 60, body=b""
            ),
        }
    )
    archive.close()
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(archive.path.parent))
    monkeypatch.chdir(tmp_path)
    return archive.path.parent


def kept(directory: Path) -> set[str]:
    archive = Archive(directory)
    found = archive.look_up([key_of(name) for name in (FINAL, YOUNG, MISSING)])
    archive.close()
    return {entry.requested_id for entry in found.values()}


def damage_a_row(directory: Path) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE responses SET value = x'00' WHERE key = ?", (key_of(FINAL),))


def test_info_counts_what_there_is(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "info", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    size = said.pop("size")
    assert size >= 4_096
    assert said == {
        "path": str(directory / FILE_NAME),
        "entries": 3,
        "final": 1,
        "young": 1,
        "missing": 1,
        "damaged": 0,
        "oldest": NOW - 40 * 86_400,
        "newest": NOW,
        "services": [{"url": "https://gateway.example/v1", "answers": 3, "accounts": {}}],
        "set_aside": [],
    }


def test_info_is_read_by_people(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "info", "--cache-dir", str(directory)]) == 0
    said = capsys.readouterr().out
    assert str(directory / FILE_NAME) in said
    assert "3: 1 final, 1 young, 1 without a record" in said


def test_info_shows_services_and_accounts_and_no_key(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-or-v1-of-the-environment"
    fingerprint = Secret(key).fingerprint
    url = "https://openrouter.ai/api/v1"
    archive = Archive(directory)
    entry = an_entry(FINAL)._replace(url=f"{url}/generation?id={FINAL}")
    archive.store({make_cache_key(url, account, FINAL): entry for account in (fingerprint, "b")})
    archive.close()
    monkeypatch.setenv("OPENROUTER_API_KEY", key)
    assert run(["cache", "info", "--account", "team-a", "--account", "nobody"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-5:] == [
        "service  https://gateway.example/v1: 3 answers",
        "         account team-a: 3",
        "service  https://openrouter.ai/api/v1: 2 answers",
        f"         account {fingerprint} (of the API key in the environment): 1",
        "         other accounts: 1",
    ]
    assert key not in said


def test_verify_finds_what_is_damaged(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "verify"]) == 0
    assert capsys.readouterr().out == "Checked 3 answers: 0 damaged.\n"
    damage_a_row(directory)
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection, connection:
        connection.execute("INSERT INTO responses VALUES (x'ff', 1, 2)")
    assert run(["cache", "verify"]) == 1
    assert capsys.readouterr().out == "Checked 4 answers: 2 damaged.\n"


def test_verify_says_that_a_file_was_no_database(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / FILE_NAME).write_bytes(b"no database " * 100)
    assert run(["cache", "verify"]) == 1
    assert f"it was renamed to {directory / FILE_NAME}.damaged-" in capsys.readouterr().err
    assert run(["cache", "verify"]) == 0


def test_info_names_what_was_set_aside(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / FILE_NAME).write_bytes(b"no database " * 100)
    assert run(["cache", "info"]) == 0
    assert f"set aside as damaged: {FILE_NAME}.damaged-" in capsys.readouterr().out


def test_clear_deletes_what_is_old(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "clear", "--older-than", "30d"]) == 0
    assert "Deleted 1 answer from" in capsys.readouterr().out
    assert kept(directory) == {YOUNG, MISSING}
    assert run(["cache", "clear", "--older-than", "1h"]) == 0
    assert kept(directory) == {YOUNG}


def test_clear_deletes_all_only_when_told_twice(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "clear"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert len(kept(directory)) == 3
    damage_a_row(directory)
    assert run(["cache", "clear", "--yes"]) == 0
    assert "Deleted 3 answers from" in capsys.readouterr().out
    assert kept(directory) == set()
    assert FINAL.encode() not in (directory / FILE_NAME).read_bytes()


@pytest.mark.parametrize("age", ["", "30", "d", "-1d", "1y", "1.5h", "3m"])
def test_text_that_is_not_an_age_is_refused(age: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "clear", "--older-than", age]) == 2
    assert f"--older-than {age!r} is not an age: give a whole number with s, min, h, d or w" in capsys.readouterr().err
    assert len(kept(directory)) == 3


def test_export_writes_the_raw_answers_one_a_line() -> None:
    assert run(["cache", "export", "answers.jsonl"]) == 0
    lines = Path("answers.jsonl").read_bytes().splitlines()
    assert lines == [an_entry(name).body.replace(b"\r\n", b"  ") for name in (FINAL, YOUNG)]
    assert [json.loads(line)["data"] for line in lines] == [record_of(FINAL), record_of(YOUNG)]
    assert Path("answers.jsonl").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in Path().iterdir() if path.name.endswith(".part")] == []


def test_export_says_where_it_cannot_write(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "export", "nowhere/answers.jsonl"]) == 2
    assert (
        "cannot write 'nowhere/answers.jsonl': there is no directory 'nowhere'; create it first"
        in capsys.readouterr().err
    )
    assert run(["cache", "export", str(directory / FILE_NAME)]) == 2
    assert len(kept(directory)) == 3


@pytest.mark.parametrize("command", [["info"], ["verify"], ["clear", "--yes"], ["export", "out.jsonl"]])
def test_where_there_is_no_cache_none_is_made(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cache", *command, "--cache-dir", str(tmp_path / "none")]) == 1
    assert f"no cache in {tmp_path / 'none'}" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()

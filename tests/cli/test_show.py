"""`genanalytics show`: one generation, out of files, the cache or the service."""

import json
from pathlib import Path

import pytest

from genanalytics.cli.main import run
from genanalytics.files import write
from genanalytics.sandbox import sample
from support.fault_server import FaultServer
from support.faults import Says, envelope, make_ids, refusal
from support.generations import parse_records

IDS = make_ids(12)
KEY = "sk-or-v1-0123456789abcdef"
SAMPLE = sample(60, seed=3).records


def record_at_a_price(place: int) -> dict[str, object]:
    """Return a record at 0.2 and 1.2 US$ per million tokens."""
    prompt, completion = 1_000 + 137 * place, 50 + 31 * (place * place % 17)
    return {
        "id": IDS[place],
        "created_at": "2025-08-24T01:46:40Z",
        "model": "maker/model-1",
        "provider_name": "Provider",
        "native_tokens_prompt": prompt,
        "native_tokens_completion": completion,
        "native_tokens_cached": 0,
        "total_cost": (2 * prompt + 12 * completion) / 1e7,
    }


@pytest.fixture(autouse=True)
def environment(server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("GENANALYTICS_BASE_URL", server.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _records_at_a_price(server: FaultServer) -> None:
    for place, generation_id in enumerate(IDS):
        server.plan(generation_id, Says(200, envelope(record_at_a_price(place))))


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_files_tell_the_record_and_its_prices(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(parse_records(SAMPLE), "out.parquet")
    generation_id = next(iter(SAMPLE))
    assert run(["show", generation_id, "out.parquet", "--engine", engine, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["requested_id"] == generation_id
    assert found["total_cost"] == SAMPLE[generation_id]["total_cost"]
    assert found["comparisons"]
    assert run(["show", generation_id, "out.parquet"]) == 0
    assert "total_cost" in capsys.readouterr().out


def test_an_id_that_is_not_in_the_files_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    write(parse_records(SAMPLE), "out.parquet")
    assert run(["show", "gen-1", "out.parquet"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "Error: no record of 'gen-1' in the data; fetch it with `genanalytics fetch` or ga.fetch\n"


@pytest.mark.usefixtures("_records_at_a_price")
def test_without_files_it_is_fetched_and_the_cache_tells_the_prices(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", IDS[0]]) == 0
    output = capsys.readouterr()
    assert "too few requests" in output.out
    assert KEY not in output.out + output.err
    assert run(["fetch", *IDS, "--quiet", "--output", "out.parquet"]) == 0
    assert run(["show", IDS[3], "--offline"]) == 0
    page = capsys.readouterr().out
    record = record_at_a_price(3)
    assert f"{record['native_tokens_prompt']:,}  tokens x 0.20/M" in page
    assert f"{record['native_tokens_completion']}  tokens x 1.20/M" in page


@pytest.mark.usefixtures("_records_at_a_price")
def test_the_cache_of_another_account_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fetch", *IDS, "--quiet", "--output", "out.parquet"]) == 0
    assert run(["show", IDS[0], "--account", "other", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["regime"] is None


def test_an_id_without_a_record_says_what_to_do(server: FaultServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.plan("gen-1756000000-x", refusal(404))
    assert run(["show", "gen-1756000000-x"]) == 3
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines()[-1].startswith("Error: no record of 'gen-1756000000-x': ")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["out.parquet", "--wait", "1"], "--wait"), (["--engine", "duckdb"], "--engine")],
)
def test_an_option_without_effect_is_refused(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.parquet").touch()
    assert run(["show", IDS[0], *arguments]) == 2
    assert f"{named} has no effect" in capsys.readouterr().err


def test_a_file_in_place_of_the_id_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write(parse_records(SAMPLE), "out.parquet")
    assert run(["show", "out.parquet"]) == 2
    assert "out.parquet is a file or directory: give an id first" in capsys.readouterr().err

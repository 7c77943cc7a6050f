"""The command `what-if`, on files, with prices of files and of the service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genanalytics.cli.main import run
from genanalytics.files import write
from genanalytics.sandbox import Sandbox, sample
from support.providers import Tariff, bill, count_native, draw_calls, list_frames, sum_nanos

CALLS, OTHERS = draw_calls(60, seed=1), draw_calls(40, seed=2)
HERE, THERE = Tariff(), Tariff(input=140, read=35, write=150, output=900)
LUNA = "openai/gpt-5.6-luna-20260709"
NATIVE = count_native(CALLS.prompt, 1.1, 4), CALLS.completion


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    here = bill(CALLS, HERE, model=LUNA, provider="here", tokens=NATIVE)
    write(list_frames(here, bill(OTHERS, THERE, model=LUNA, provider="there")), "out.parquet")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(sample(3)) as served:
        monkeypatch.setenv("GENANALYTICS_BASE_URL", served.base_url)
        yield served


def printed_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["what-if", "out.parquet", *arguments]) == 0
    return capsys.readouterr().out


def objects_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(printed_by(capsys, *arguments, "--json"))
    return found


def test_the_first_line_is_the_answer_and_what_it_rests_on_comes_last(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "--to", "there").splitlines()
    assert lines[0].startswith(f"{LUNA} at here, to there: 60 requests that cost $0.0")
    assert " would have cost $0.0" in lines[0]
    assert any(line.split()[:2] == [LUNA, "here"] for line in lines)
    assert any("quantization, limits and speed can differ" in line for line in lines)
    assert "  at the price of 40 requests there: $0.14/M tokens in and $0.90/M tokens out" in "\n".join(lines)
    assert "95 % interval" not in "".join(lines)


def test_of_several_alternatives_the_first_line_is_the_largest_saving(capsys: pytest.CaptureFixture[str]) -> None:
    rows = objects_of(capsys)
    least = min(row["change_high"] for row in rows)
    first, *lines = printed_by(capsys).splitlines()
    assert least < 0
    assert first.startswith(f"Largest saving: {LUNA} at ")
    assert f", ${-least:.6f} to $" in first
    assert first.endswith(" less.")
    assert len(lines) < 25


def test_rows_are_json_and_csv_too(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = objects_of(capsys, "--to", "there")
    truth = bill(CALLS, THERE, tokens=NATIVE)
    assert round(row["cost_there_low"] * 1e9) == sum_nanos(truth)
    assert row["refused"] is None
    assert printed_by(capsys, "--csv").startswith("model,provider_name,to_model,to_provider,requests,")


def test_prices_are_learned_from_rows_that_the_conditions_leave_out(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = objects_of(capsys, "--to", "there", "--where", "provider_name=here")
    assert row == objects_of(capsys, "--to", "there")[0]


def test_a_batch_at_a_share_of_the_price_and_no_caching(capsys: pytest.CaptureFixture[str]) -> None:
    rows = objects_of(capsys, "--to", "batch=0.5", "--caching", "none")
    none = objects_of(capsys, "--caching", "none")
    for row, other in zip(rows, none, strict=True):
        assert row["cost_there_low"] == pytest.approx(other["cost_there_low"] / 2)


def test_the_list_of_models_comes_from_the_service_without_a_key_and_then_from_the_cache(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--prices", "models", "--where", "provider_name=there")
    (row,) = objects_of(capsys, *arguments)
    assert sandbox.requests == 0
    assert round(row["cost_there_low"] * 1e9) == sum_nanos(bill(OTHERS, HERE))
    (row,) = objects_of(capsys, *arguments, "--to", "model=deepseek/deepseek-v4-flash", "--offline")
    assert row["to_model"] == "deepseek/deepseek-v4-flash-20260731"
    assert "the list has no price of cached tokens" in row["assumed"]


def test_without_a_stored_list_nothing_is_known_offline(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["what-if", "out.parquet", "--prices", "models", "--offline"]) == 1
    assert "run once without --offline" in capsys.readouterr().err


def test_prices_of_files(capsys: pytest.CaptureFixture[str]) -> None:
    sheet = f"model,input_price,cache_read_price,cache_write_price,output_price\n{LUNA},0.14,0.035,0.15,0.9\n"
    Path("prices.csv").write_text(sheet, encoding="utf-8")
    pricing = {"prompt": "0.00000014", "completion": "0.0000009", "input_cache_read": "0.000000035"}
    entry = {"id": "luna", "canonical_slug": LUNA, "pricing": pricing | {"input_cache_write": "0.00000015"}}
    Path("prices.json").write_text(json.dumps({"data": [entry]}), encoding="utf-8")
    table, listed = (objects_of(capsys, "--prices", name) for name in ("prices.csv", "prices.json"))
    assert [row["cost_there_low"] for row in table] == [row["cost_there_low"] for row in listed]
    assert "at given prices" in table[0]["assumed"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "nowhere"], "no provider 'nowhere' has a price"),
        (["--to", "model="], "give a provider, model=NAME"),
        (["--to", "batch=cheap"], "such as batch=0.5"),
        (["--prices", "none.csv"], "cannot read the prices none.csv: No such file"),
    ],
)
def test_what_cannot_be_read_is_an_error_message(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["what-if", "out.parquet", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_no_other_provider_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    write(bill(CALLS, HERE), "out.parquet")
    assert printed_by(capsys).startswith("No answer: no price of this model at another provider.\n")

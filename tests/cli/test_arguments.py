"""Wrong options are refused before records are read, in the words of the command line."""

import pickle
from pathlib import Path

import pytest

from genanalytics.cli.main import run
from genanalytics.errors import InputError


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("forecast --budget 0", "--budget 0.0 cannot be used: give an amount in US$ above 0"),
        ("forecast --budget nan", "--budget nan cannot be used: give an amount in US$ above 0"),
        ("forecast --until year", "--until 'year' cannot be used: give week, month or a day, such as 2026-10-31"),
        (
            "forecast --since 2026-09-01 --until 2026-08-31",
            "--since 2026-09-01 is after the last day of the period, 2026-08-31: give an earlier day",
        ),
        ("change --against august", "--against 'august': give previous, or a day of the period to compare with"),
        ("cache-replay --five-min-write nan", "--five-min-write nan is no multiple of the input price"),
        ("cache-replay --one-hour-write inf", "--one-hour-write inf is no multiple of the input price"),
        ("waste --within inf", "--within inf: give a number of seconds above 0"),
        ("what-if --to batch=2", "--to batch=2: give the batch price as a share of the present one"),
        ("what-if --to Azure --caching no\xa0flips", "--caching 'no flips' is about the present provider: leave out"),
        ("what-if --to batch --prices models --offline", "batch prices come from the records: leave out"),
        ("compare --by model --a x --b x --metric error_rate", "--a and --b are both 'x': give two values of model"),
        ("compare --by model --a x --b y --metric requests", "'requests' has no interval"),
        ("summary --last fortnight", "--last 'fortnight'; give day, week, month or an age"),
        ("summary --since never", "--since 'never' is not a moment"),
    ],
)
def test_a_wrong_option_is_refused_before_a_file_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, sentence: str
) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"no records")
    name, *options = command.split(" ")
    options = [option.replace("\xa0", " ") for option in options]
    assert run([name, str(tmp_path / "broken.parquet"), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_a_message_keeps_the_values_of_a_user(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("gen-1")
    assert run(["ids", str(tmp_path / "ids.txt"), "--since", "2026-09-02", "--until", "2026-09-01"]) == 2
    assert "--since 2026-09-02" in capsys.readouterr().err


def test_python_keeps_the_names_of_arguments() -> None:
    error = InputError("budget=0: give another", arguments=["budget"])
    assert str(error) == "budget=0: give another"
    assert pickle.loads(pickle.dumps(error)).arguments == ("budget",)  # noqa: S301 - our own

from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics.errors import InputError
from genanalytics.files import write_parquet
from genanalytics.metrics import attempt_summary
from genanalytics.plots import attempts, attempts_by_provider
from genanalytics.plots.content import find_content
from genanalytics.plots.palette import LOSS
from support.artists import detail, dots, segments, texts, tick_texts
from support.generations import frame_of


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


def tried(*attempted: tuple[str, int | None]) -> dict[str, object]:
    return {
        "provider_responses": [
            {"provider_name": provider, "status": status, "latency": 250} for provider, status in attempted
        ]
    }


FRAME = frame_of(
    tried(("A", 429), ("B", 200)), tried(("A", 200)), tried(("A", 200)), tried(("A", 500), ("B", None)), {}
)


def test_dots_are_failed_shares_the_worst_on_top(axes: Axes) -> None:
    attempts_by_provider(FRAME, ax=axes)
    assert tick_texts(axes, "y") == ["A", "B"]
    assert [(dot.x, dot.y, dot.color) for dot in dots(axes)] == [(0.5, 0, LOSS), (0.0, 1, LOSS)]
    found = attempt_summary(FRAME, intervals=True)
    assert [line[:, 0].tolist() for line in segments(axes)[0]] == [
        pytest.approx([1 - row["success_rate_high"], 1 - row["success_rate_low"]]) for _, row in found.iterrows()
    ]


def test_figures_are_beside_the_rows_and_under_the_pointer(axes: Axes) -> None:
    attempts_by_provider(FRAME, ax=axes)
    assert "1 generation without a known attempt" in detail(axes)
    assert texts(axes) == ["failed", "50.0 %", "0.0 %", "attempts", "4", "2"]
    first, second = (value.text for value in find_content(axes).values)
    assert first.startswith("A\n50.0 % of 4 attempts failed (")
    assert first.endswith("25.0 % rate limited; 500 ms lost to fallbacks")
    assert second.startswith("B\n0.0 % of 2 attempts failed (")


def test_groups_are_models_too_and_the_largest_are_shown(axes: Axes) -> None:
    rows = [
        {"provider_responses": [{"model_permaslug": name, "status": 200}] * number}
        for name, number in (("few", 1), ("many", 3), ("some", 2))
    ]
    attempts_by_provider(frame_of(*rows), by="model_permaslug", top=2, ax=axes)
    assert tick_texts(axes, "y") == ["many", "some"]
    assert axes.get_title() == "Failed attempts by model permaslug"
    assert "the largest 2 of 3 by attempts" in detail(axes)


def test_without_a_status_the_chart_says_so(axes: Axes) -> None:
    attempts_by_provider(frame_of(tried(("A", None))), ax=axes)
    assert texts(axes)[-1] == "no attempt with a known status"


def test_too_many_records_of_an_engine_are_refused(axes: Axes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    write_parquet(FRAME, tmp_path / "frame.parquet")
    monkeypatch.setattr(attempts, "MOST_ROWS", 4)
    with duckdb.connect() as engine, pytest.raises(InputError, match="attempts of 5 records do not fit into memory"):
        attempts_by_provider(engine.read_parquet(str(tmp_path / "frame.parquet")), ax=axes)

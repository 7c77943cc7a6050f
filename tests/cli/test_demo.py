"""The demo's figures against sums that a few lines of plain Python make from the files in `data/`."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genanalytics.cli.demo import run_demo
from genanalytics.files import read_parquet
from genanalytics.metrics import summarize
from support.paths import DATA


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Run the demo once; return its directory and what it said."""
    directory = tmp_path_factory.mktemp("demo") / "made" / "here"
    said: list[str] = []
    run_demo(directory, said.append)
    return directory, "\n".join(said).splitlines()


def records() -> Iterator[dict[str, Any]]:
    with (DATA / "sample-generations.jsonl").open() as lines:
        for line in lines:
            yield json.loads(line)["data"]


def test_it_fetches_every_id_and_then_none(demo: tuple[Path, list[str]]) -> None:
    _, said = demo
    ids = [line for line in (DATA / "sample-ids.txt").read_text().splitlines() if line and not line.startswith("#")]
    found = sum(1 for _ in records())
    missing = len(set(ids)) - found
    repeated = len(ids) - len(set(ids))
    counts = f"{len(set(ids))} ids ({repeated} duplicates left out): {found} ok, {missing} not_found"
    assert any(line.startswith(f"{counts} ({len(set(ids))} requests, 0 from the cache, ") for line in said)
    assert said[-1] == f'Fetched again: {len(set(ids))} ids from the cache, "requests": 0.'


def test_its_parquet_holds_the_records_of_the_sample(demo: tuple[Path, list[str]]) -> None:
    frame = read_parquet(demo[0] / "generations.parquet")
    assert sorted(frame["requested_id"]) == sorted(record["id"] for record in records())
    assert frame["extra"].isna().all()


def test_its_costs_are_the_sums_of_the_sample(demo: tuple[Path, list[str]]) -> None:
    cost: dict[str, float] = defaultdict(float)
    saved: dict[str, float] = defaultdict(float)
    for record in records():
        upstream = record["upstream_inference_cost"] if record["is_byok"] else None
        cost[record["model"]] += record["total_cost"] + (upstream or 0)
        saved[record["model"]] += record["cache_discount"] or 0
    groups = summarize(read_parquet(demo[0] / "generations.parquet"), by="model").set_index("model")
    assert groups["effective_cost"].to_dict() == pytest.approx(dict(cost), abs=1e-12)
    assert groups["net_cache_savings"].fillna(0).to_dict() == pytest.approx(dict(saved), abs=1e-12)
    total = next(line for line in demo[1] if line.startswith("total"))
    assert f"${sum(cost.values()):.2f}" in total
    assert f"${sum(saved.values()):.2f}" in total


def test_its_latencies_are_the_percentiles_of_the_sample(demo: tuple[Path, list[str]]) -> None:
    ttft: dict[str, list[int]] = defaultdict(list)
    for record in records():
        success = not record["cancelled"] and record["finish_reason"] != "error"
        if success and record["streamed"] and not record.get("response_cache_source_id"):
            ttft[record["model"]].append(record["latency"])
    groups = summarize(read_parquet(demo[0] / "generations.parquet"), by="model").set_index("model")
    for model, values in ttft.items():
        percentiles = statistics.quantiles(values, n=100, method="inclusive")
        assert groups.loc[model, "ttft_ms_p50"] == pytest.approx(percentiles[49])
        assert groups.loc[model, "ttft_ms_p95"] == pytest.approx(percentiles[94])


def test_its_chart_is_a_picture(demo: tuple[Path, list[str]]) -> None:
    assert (demo[0] / "cost-per-day-by-model.png").read_bytes().startswith(b"\x89PNG")


def test_it_says_which_files_it_wrote(demo: tuple[Path, list[str]]) -> None:
    directory, said = demo
    written = {path.name for path in directory.iterdir()}
    assert written == {"generations.parquet", "cost-per-day-by-model.png", "report.html"}
    for name in written:
        assert any(line.startswith(f"Wrote {directory / name}") for line in said)

"""Code of a user that both type checkers must accept; `refused.py` holds the opposite. Neither file is run."""

import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
from matplotlib.axes import Axes

import genanalytics as ga
from genanalytics.fetching.client import ClientOptions
from genanalytics.metrics import (
    COST,
    Count,
    Estimate,
    Per,
    RowValue,
    Statistic,
    Sum,
    Unit,
    goodput,
    rate,
    ratio,
    spread,
    total,
)


class Completion:
    """A completion, as the client of a service returns it."""

    def __init__(self, generation_id: str) -> None:
        self.id: str = generation_id


def read_log() -> Iterator[str]:
    """Yield ids."""
    yield "gen-1"


def read_ids(stream: io.TextIOWrapper) -> list[str]:
    """Return ids from all kinds of sources."""
    ids: list[str] = list(ga.read_ids("gen-1"))
    ids += ga.read_ids(Path("ids.txt"), since="2026-08-01", until=date(2026, 9, 1))
    ids += ga.read_ids(Path("calls.parquet"), column="generation_id")
    ids += ga.read_ids(["gen-1", "gen-2"])
    ids += ga.read_ids([Completion("gen-1"), {"id": "gen-2"}, None])
    ids += ga.read_ids(pd.Series(["gen-1"]))
    ids += ga.read_ids(pd.DataFrame({"generation_id": ["gen-1"]}))
    ids += ga.read_ids(Completion("gen-1"))
    ids += ga.read_ids(read_log())
    found: ga.Ids = ga.read_ids(stream)
    first: str = next(found)
    notices: tuple[str, ...] = found.notices
    return [*ids, first, *notices]


def open_client(options: ClientOptions) -> ga.Client:
    """Return a client."""
    ga.Client("a key").close()
    ga.Client(None, account="team", offline=True).close()
    ga.Client("a key", base_url="https://gateway.example/v1", cache_dir=Path("cache"), max_workers=8, rate=2.5).close()
    ga.Client.from_env().close()
    ga.Client.from_env(account="team", cache_dir="cache", max_workers=8, rate=10, timeout_s=5, offline=True).close()
    ga.Client.from_env(api_key=None, base_url=None, rate=None).close()
    return ga.Client.from_env(**options)


def fetch_records() -> pd.DataFrame:
    """Return fetched records."""
    ga.fetch("gen-1")
    ga.fetch(ga.read_ids(Path("ids.txt")), refresh=True, wait_s=0, accept_mismatch=True, progress=False)
    try:
        with ga.Client.from_env(account="team") as client:
            result: ga.FetchResult = ga.fetch(["gen-1", "gen-2"], client=client, wait_s=2.5)
    except (ga.KeyRefusedError, ga.InputError, ga.CacheError) as error:
        reported: ga.GenAnalyticsError = error
        raise reported from error
    stats: ga.Stats = result.stats
    coverage: float | None = stats.coverage
    missing: int = stats.distinct - stats.outcomes.get("ok", 0) + stats.duplicates
    explained: pd.DataFrame = result.explain()
    if missing and coverage is not None and coverage < 1:
        ga.write(result.failures, "failures.csv")
        ga.table(explained)
    return result.frame


def read_and_write(frame: pd.DataFrame) -> pd.DataFrame:
    """Return records from all kinds of files."""
    ga.write(frame, "generations.csv")
    ga.write(frame, Path("generations.parquet"))
    ga.write_parquet(frame, "generations.parquet")
    parts: list[pd.DataFrame] = [
        ga.read("generations.csv"),
        ga.read(Path("set")),
        ga.read(["one.csv", Path("two.csv")]),
    ]
    parts.append(ga.read_parquet("generations.parquet"))
    activity: pd.DataFrame = ga.read_activity(["july.csv", "august.csv"])
    compared: ga.Reconciliation = ga.reconcile(frame, activity)
    if not compared.agrees:
        parts.append(compared.differences)
        parts.append(compared.totals("day"))
    charges: pd.DataFrame = ga.focus_charges(frame, prices=ga.prices(frame))
    explanation: ga.Explanation = ga.explain("gen-1", frame)
    assert explanation.total_cost == ga.explain(frame.iloc[0], frame).total_cost
    return pd.concat([*parts, charges, ga.drift(frame)])


def export_records() -> float | None:
    """Export records to a data set that grows."""
    result: ga.ExportResult = ga.export(Path("ids.txt"), "set")
    ga.export(["gen-1"], Path("set"), partition="day", retry=True, batch_rows=1_000, progress=None)
    ga.export(["gen-1"], "set", partition=None, redact=ga.Redaction(["session_id"], key=b"sixteen bytes .."))
    fewer: int = ga.compact("set")
    return result.coverage if result.rows > fewer else None


def summarize_records(frame: pd.DataFrame) -> pd.DataFrame:
    """Return summaries."""
    parts = [
        ga.summarize(frame),
        ga.summarize(frame, by="model"),
        ga.summarize(frame, by=["model", "provider_name"], every="day", tz="Europe/Berlin", intervals=True),
        ga.summarize(frame, every="week", percentiles="sketch", metrics="latency"),
        ga.summarize(frame, every=None, percentiles="exact", metrics=["cost", "ttft_ms_p95"]),
        ga.summarize(frame, metrics=[*COST, goodput(ttft_ms=2_000, tps=20)]),
        ga.sessions(frame),
        ga.attempts(frame),
        ga.attempt_summary(frame, by=["provider_name", "day"]),
        ga.quality(frame),
        ga.cost_change(frame.head(10), frame.tail(10), by="model"),
        ga.distribution(frame, "ttft_ms", by="model", every="hour"),
        ga.distribution(frame, "e2e_ms", kind="histogram", per_decade=5),
        ga.metrics.latency_summary(frame, by="model", every="month"),
        ga.summarize("generations.parquet", against=Path("before.parquet")),
        ga.sessions(Path("generations")),
        ga.cost_change("july.parquet", "august.parquet"),
        ga.drift("generations.parquet"),
        ga.focus_charges(Path("generations.parquet")),
        ga.reconcile("generations.parquet", "activity.csv").totals(),
    ]
    shown: ga.Table = ga.table(parts[0])
    shown = ga.table(parts[0]["effective_cost"], units="usd", limit=None)
    shown = ga.table(parts[0], columns=["requests"], units={"margin": "usd"}, total=False)
    shown = ga.overview(frame, by="model", every="day", metrics=["cost", COST[0]], sort="requests:asc", limit=5)
    names: list[str] = shown.by + shown.names
    return pd.concat(parts)[names]


def scan_files(session: object) -> pd.DataFrame:
    """Return summaries of more records than memory holds."""
    relation = ga.scan("generations/", memory_limit="4GB", temp_directory=Path("spill"))
    ga.summarize(relation, by="model", percentiles="auto")
    ga.summarize(ga.scan(["one.parquet", Path("two.parquet")], engine="pandas"))
    ga.summarize(pl.read_parquet("one.parquet"))
    ga.quality(pl.scan_parquet("one.parquet"))
    ga.distribution(duckdb.connect().read_parquet("one.parquet"), "ttft_ms")
    return ga.summarize(ga.scan("s3://bucket/*.parquet", engine="spark", session=session))


def compare_providers(frame: pd.DataFrame) -> Estimate | None:
    """Return the difference between two providers."""
    found: ga.Comparison = ga.compare(
        frame, by="provider_name", a="OpenAI", b="Azure", metric="ttft_ms_p50", match=["model", "day"]
    )
    return found.difference if found.comparable else None


def declare_statistics(frame: pd.DataFrame) -> pd.DataFrame:
    """Return statistics that the package does not have."""
    tokens = RowValue("tokens", "tokens", Unit.TOKENS, "Tokens", ("tokens_completion",), nw.col("tokens_completion"))
    seconds = RowValue("seconds", "time", Unit.NONE, "Seconds", ("latency",), nw.col("latency") / 1_000)
    is_long = RowValue("long", "long", Unit.SHARE, "Long answers", (tokens,), (tokens.column > 1_000).cast(nw.Int64))
    speed = Statistic("speed", "speed", Unit.TOKENS_PER_S, "Tokens / s", finish=Per(Sum(tokens), Sum(seconds)))
    rows = Statistic("rows", "rows", Unit.COUNT, "Rows", finish=Count(), of_nothing=0)
    longest = Statistic(
        "longest", "longest", Unit.MS, "Longest latency", needs=("latency",), own={"longest": nw.col("latency").max()}
    )
    declared = [speed, rows, longest, total(tokens), rate(is_long), spread(seconds).p95]
    declared.append(ratio("price", "price", Unit.USD, "Price per token", seconds, tokens))
    ga.distribution(frame, tokens, kind="ecdf")
    return ga.summarize(frame, by="model", metrics=declared)


def ask_the_account(frame: pd.DataFrame) -> float | None:
    """Ask the service for ids and for its bill."""
    found: ga.FoundIds = ga.find_ids(since="7d", until=date(2026, 9, 1), management_key="any", progress=False)
    ga.fetch(found, progress=False)
    bill: pd.DataFrame = ga.fetch_daily_activity(management_key="any")
    ga.coverage("generations.parquet", "daily.json", since="2026-09-01")
    covered: ga.BillCoverage = ga.coverage(frame, bill)
    return covered.share if len(found) else covered.missing_usd


def draw_charts(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw charts."""
    ga.plots.cost_over_time(frame, by="provider_name", every="week", tz="Asia/Tokyo", ax=ax)
    ga.plots.latency_tails(frame, metric="e2e_ms")
    ga.plots.hour_of_week(frame, metric=goodput(e2e_ms=10_000))
    ga.plots.save(frame, ga.plots.cost_ranking, "cost.png", by="model")
    ga.plots.save(frame, ga.plots.find_chart("outcomes").draw, Path("outcomes.svg"), every="day")
    ga.write_report(frame, "report.html", title="August", sources=["generations.parquet"])
    ga.write_report(ga.fetch("gen-1"), "report.html", against="july.parquet", labels={"u1": "Acme"}, sections=["spend"])
    return ga.plots.latency_heatmap(frame, metric="ttft_ms", every="minute")


def try_it() -> int:
    """Use the stand-in of the service."""
    made: ga.sandbox.Sample = ga.sandbox.sample(60, seed=3, month="2026-10")
    with ga.sandbox.Sandbox(made) as server, ga.Client("any key", base_url=server.base_url) as client:
        return len(ga.fetch(made.ids, client=client).frame) + server.requests


def list_columns() -> list[str]:
    """Return the names of the columns of the frame."""
    return [column.name for column in ga.COLUMNS]

"""Mistakes of a user: both type checkers must refuse every line of code in this file. It is not run."""
# ruff: noqa: B018 - an attribute is looked up for its type

import narwhals.stable.v2 as nw
import pandas as pd

import genanalytics as ga
from genanalytics.metrics import Per, Quantile, RowValue, Statistic, Sum, Unit

# Names that do not exist
ga.fetsh("gen-1")
ga.read_frame("generations.parquet")
ga.Fetched
ga.metrics.summarise(pd.DataFrame())
ga.plots.cost_over_tme(pd.DataFrame())
ga.sandbox.smaple()
ga.InputErorr

# Attributes that results do not have
ga.fetch("gen-1").fram
ga.fetch("gen-1").groupby("model")
ga.fetch("gen-1")["model"]
ga.fetch("gen-1").stats.coverag
ga.export("gen-1", "set").row
ga.read_ids("gen-1").notice
ga.table(pd.DataFrame()).keys
ga.Client("a key").fetch("gen-1")

# Options that do not exist
ga.Client("a key", max_worker=8)
ga.Client.from_env(max_worker=8)
ga.Client.from_env(key="a key")
ga.Client.from_env("a key")
ga.fetch("gen-1", wait=10)
ga.fetch("gen-1", ga.Client("a key"))
ga.read_ids("gen-1", colunm="id")
ga.summarize(pd.DataFrame(), group_by="model")
ga.compare(pd.DataFrame(), key="provider_name", a="A", b="B", metric="error_rate")
ga.plots.latency_heatmap(pd.DataFrame(), value="e2e_ms")
ga.plots.save(pd.DataFrame(), ga.plots.cost_ranking, "cost.png", group="model")
ga.write(pd.DataFrame(), "generations.csv", format="csv")

# Values that are not in the list
ga.summarize(pd.DataFrame(), every="fortnight")
ga.summarize(pd.DataFrame(), every="Day")
ga.summarize(pd.DataFrame(), percentiles="approximate")
ga.metrics.cost_summary(pd.DataFrame(), every="year")
ga.compare(pd.DataFrame(), by="provider_name", a="A", b="B", metric="error_rate", percentiles="guess")
ga.distribution(pd.DataFrame(), "ttft_ms", kind="pdf")
ga.distribution(pd.DataFrame(), "ttft_ms", every="quarter")
ga.scan("generations/", engine="polars")
ga.export("gen-1", "set", partition="year")
ga.plots.cost_over_time(pd.DataFrame(), every="quarter")
ga.plots.save(pd.DataFrame(), ga.plots.outcomes, "outcomes.png", every="quarter")

# Values of another type
ga.Client(7)
ga.Client("a key", cache_dir=7)
ga.Client("a key", rate="10")
ga.Client.from_env(timeout_s="30")
ga.Client.from_env(offline="yes")
ga.fetch("gen-1", client="a key")
ga.fetch("gen-1", wait_s="30")
ga.export("gen-1", "set", redact=["session_id"])
ga.Redaction(["session_id"], key="a key")
ga.read_ids("gen-1", since=2026)
ga.summarize(pd.DataFrame(), tz=2)
ga.summarize(pd.DataFrame(), metrics=7)
ga.write_report(pd.DataFrame(), "report.html", title=75)
ga.write_report(pd.DataFrame(), "report.html", against=7)

# Sources that contain no ids
ga.read_ids(7)
ga.read_ids(None)
ga.read_ids(3.5)
ga.fetch(7)
ga.fetch(None)
ga.fetch(ga.fetch("gen-1"))
ga.export(7, "set")

# Data that contains no records
ga.summarize(b"generations.parquet")
ga.summarize(ga.fetch("gen-1"))
ga.summarize([{"model": "a"}])
ga.summarize(None)
ga.sessions(["one.parquet", "two.parquet"])
ga.quality(ga.fetch("gen-1"))
ga.attempts({"model": ["a"]})
ga.distribution(7, "ttft_ms")
ga.compare(None, by="model", a="A", b="B", metric="error_rate")
ga.cost_change("july.parquet", 8)
ga.plots.cost_ranking(ga.fetch("gen-1"))
ga.write_report(7, "report.html")
ga.write(ga.fetch("gen-1"), "generations.csv")
ga.table(ga.fetch("gen-1"))
ga.reconcile(pd.DataFrame(), ga.fetch("gen-1"))
ga.read(pd.DataFrame())
ga.read_parquet(["one.parquet", "two.parquet"])

# Declarations
RowValue("t", "t", Unit.MS, "Time", ("latency"), nw.col("latency"))
RowValue("t", "t", "ms", "Time", ("latency",), nw.col("latency"))
RowValue("t", "t", Unit.MS, "Time", ("latency",), "latency")
Quantile("ttft_ms", 0.5)
Statistic("s", "s", Unit.MS, "Time", aggregates={"s": nw.col("latency").max()})
Statistic("s", "s", Unit.MS, "Time", own=nw.col("latency").max())
Per("latency", Sum("latency"))

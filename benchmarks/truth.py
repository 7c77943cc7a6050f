"""Coverage of intervals, and false alarms of comparisons: `python3 dev.py bench truth [NAME...]`.

Data sets are drawn from distributions of which the truth is known, and go through `summarize` and `compare`. Every
table has its own seed. NAME is one of `means`, `ratios`, `rates`, `percentiles`, `hours`, `periods`, `comparisons`.
Without a name, all tables are printed, in about half an hour; most of that is for the comparisons.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.metrics import RowValue, Statistic, compare, rate, ratio, spread, summarize, total
from genanalytics.metrics.forms import like_period
from genanalytics.units import Unit

RUNS = 600
"""Data sets per cell; the standard error of a coverage of 95 is then 0.9."""

MOST_ALARMS = 6.0
"""Cells of comparisons with more false alarms, in percent, are drawn again with more data sets."""

COST = RowValue("cost", "cost", Unit.USD, "Cost", ("usd",), nw.col("usd"))
TOKENS = RowValue("tokens", "tokens", Unit.TOKENS, "Tokens", ("out",), nw.col("out"))
FAILED = RowValue("failed", "failed", Unit.SHARE, "Failed", ("flag",), nw.col("flag"))

MEAN, MEDIAN, _P90, P95 = spread(COST)[:4]
PRICE = ratio("price", "price", Unit.USD, "Cost / tokens", COST, TOKENS)
SHARE = ratio("part", "part", Unit.SHARE, "Cost / tokens", COST, TOKENS, bound="share")
SAVINGS = ratio("savings", "savings", Unit.SHARE, "Cost / tokens", COST, TOKENS, bound="at most one")
FAILURES = rate(FAILED)
LIKE_PERIOD = like_period(total(COST), "like_period", "like period")

Rng = np.random.Generator
Drawn = Mapping[str, "np.ndarray"]


@dataclass(frozen=True, slots=True)
class Law:
    """A distribution of costs and its mean."""

    draw: Callable[[Rng, int], "np.ndarray"]
    mean: float


def lognormal(sigma: float) -> Law:
    """Return the distribution of costs whose logarithms have this standard deviation."""
    return Law(lambda rng, n: rng.lognormal(0, sigma, n), math.exp(sigma**2 / 2))


LAWS = {
    **{f"lognormal {sigma}": lognormal(sigma) for sigma in (0.5, 1.0, 1.5, 2.0)},
    "exponential": Law(lambda rng, n: rng.exponential(1, n), 1.0),
    "half zero": Law(lambda rng, n: rng.lognormal(0, 1, n) * (rng.random(n) < 0.5), math.exp(0.5) / 2),
    "Pareto 2.5": Law(lambda rng, n: rng.pareto(2.5, n) + 1, 2.5 / 1.5),
    "Pareto 1.5": Law(lambda rng, n: rng.pareto(1.5, n) + 1, 3.0),
}


def frame_of(draws: Iterable[Drawn]) -> pd.DataFrame:
    """Return data sets as one frame, with the number of the data set as `run`; clusters differ between data sets."""
    parts = [pd.DataFrame(drawn).assign(run=run) for run, drawn in enumerate(draws)]
    frame = pd.concat(parts, ignore_index=True)
    if "session" in frame:
        frame["session_id"] = frame.pop("session").astype(str) + " of " + frame["run"].astype(str)
    return frame


def count_covered(frame: pd.DataFrame, statistic: Statistic, truth: float) -> str:
    """Return the share of the intervals that contain the truth, and the share of data sets with one if that is less."""
    summary = summarize(frame, by="run", metrics=[statistic], intervals=True)
    low, high = (summary[f"{statistic.name}_{side}"] for side in ("low", "high"))
    known = low.notna()
    if not known.any():
        return "gap"
    held = 100 * float(((low <= truth) & (truth <= high))[known].mean())
    return write_share(held, float(known.mean()))


def write_share(percent: float, given: float) -> str:
    """Return a percentage, with the share of data sets that have an interval if it is less than 99.5 %."""
    return f"{percent:.1f}" + (f" ({100 * given:.0f} % given)" if given < 0.995 else "")


def show(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table in Markdown, row by row as it is computed."""
    print(f"\n## {title}\n", flush=True)
    names = list(heads)
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def draw_sessions(rng: Rng, n: int) -> "np.ndarray":
    """Return the session of each row: sessions of a geometric size, 5 on average."""
    return np.repeat(np.arange(n), rng.geometric(0.2, n))


def show_means() -> None:
    """Show the coverage of means, of rows and of sessions whose rows have a factor in common."""

    def draw(rng: Rng, law: Law, n: int, *, sessions: bool) -> Drawn:
        if not sessions:
            return {"usd": law.draw(rng, n)}
        session = draw_sessions(rng, n)
        return {"session": session, "usd": law.draw(rng, n)[session] * rng.lognormal(-0.125, 0.5, len(session))}

    def rows() -> Iterable[list[str]]:
        rng = np.random.default_rng(1)
        for sessions in (False, True):
            for name, law in LAWS.items():
                cells = []
                for n in (12, 50, 200, 1000):
                    runs = RUNS if n < 1000 else RUNS // 4
                    frame = frame_of(draw(rng, law, n, sessions=sessions) for _ in range(runs))
                    cells.append(count_covered(frame, MEAN, law.mean))
                yield [("rows", "sessions")[sessions], name, *cells]

    show("Means: of 100 intervals contain the truth", ["clusters", "costs", "n = 12", "50", "200", "1,000"], rows())


def show_ratios() -> None:
    """Show the coverage of ratios of sums, shares and rates of savings."""

    def price(rng: Rng, n: int) -> Drawn:
        out = rng.lognormal(0, 1, n)
        return {"out": out, "usd": out * rng.lognormal(0, 1, n)}

    def speed(rng: Rng, n: int) -> Drawn:
        return {"usd": rng.lognormal(0, 1, n), "out": rng.lognormal(0, 1.5, n)}

    def share(rng: Rng, n: int) -> Drawn:
        out = rng.lognormal(0, 1, n)
        return {"out": out, "usd": out * rng.beta(0.5, 1, n)}

    def savings(rng: Rng, n: int) -> Drawn:
        out = rng.lognormal(0, 1, n)
        return {"out": out, "usd": out * (rng.beta(0.5, 1, n) - 0.25)}

    cases: dict[str, tuple[Callable[[Rng, int], Drawn], Statistic, float]] = {
        "cost per token": (price, PRICE, math.exp(0.5)),
        "tokens per time, tail in the time": (speed, PRICE, math.exp(0.5 - 1.125)),
        "share of tokens": (share, SHARE, 1 / 3),
        "rate of savings": (savings, SAVINGS, 1 / 3 - 0.25),
    }

    def rows() -> Iterable[list[str]]:
        rng = np.random.default_rng(2)
        for name, (draw, statistic, truth) in cases.items():
            frames = (frame_of(draw(rng, n) for _ in range(RUNS)) for n in (12, 50, 200))
            yield [name, *(count_covered(frame, statistic, truth) for frame in frames)]

    show("Ratios of sums: of 100 intervals contain the truth", ["quantity", "n = 12", "50", "200"], rows())


def show_rates() -> None:
    """Show the coverage of rates of sessions of ten rows, with a correlation of the rows of a session."""

    def draw(rng: Rng, n: int, share: float, correlation: float) -> Drawn:
        chance = np.full(n, share)
        if correlation:
            strength = 1 / correlation - 1
            chance = rng.beta(share * strength, (1 - share) * strength, n)
        session = np.repeat(np.arange(n), 10)
        return {"session": session, "flag": (rng.random(10 * n) < chance[session]).astype(int)}

    def rows() -> Iterable[list[str]]:
        rng = np.random.default_rng(3)
        for share in (0.02, 0.05, 0.2, 0.5):
            for correlation in (0.0, 0.05, 0.2):
                frames = (frame_of(draw(rng, n, share, correlation) for _ in range(RUNS)) for n in (12, 50, 200))
                cells = [count_covered(frame, FAILURES, share) for frame in frames]
                yield [f"{100 * share:.0f} %", f"{correlation:g}", *cells]

    show(
        "Rates of sessions of ten rows: of 100 intervals contain the truth",
        ["rate", "correlation", "12 sessions", "50", "200"],
        rows(),
    )


def show_percentiles() -> None:
    """Show the coverage of percentiles of sessions of ten rows."""

    def draw(rng: Rng, n: int, correlation: float) -> Drawn:
        session = np.repeat(np.arange(n), 10)
        shared = rng.normal(size=n)[session] * math.sqrt(correlation)
        return {
            "session": session,
            "usd": np.exp(1.5 * (shared + rng.normal(size=10 * n) * math.sqrt(1 - correlation))),
        }

    def rows() -> Iterable[list[str]]:
        rng = np.random.default_rng(4)
        for statistic, truth in ((MEDIAN, 1.0), (P95, math.exp(1.5 * 1.644854))):
            for correlation in (0.0, 0.2):
                frames = (frame_of(draw(rng, n, correlation) for _ in range(RUNS // 2)) for n in (12, 50, 200))
                cells = [count_covered(frame, statistic, truth) for frame in frames]
                yield [statistic.name.removeprefix("cost_"), f"{correlation:g}", *cells]

    show(
        "Percentiles of sessions of ten rows: of 100 intervals contain the truth",
        ["percentile", "correlation", "12 sessions", "50", "200"],
        rows(),
    )


def show_hours() -> None:
    """Show the coverage of the rate of failures if whole hours fail; rows have no session."""

    def draw(rng: Rng, n: int, hours: int, outages: float) -> Drawn:
        hour = rng.integers(0, hours, n)
        chance = np.where(rng.random(hours) < outages, 0.7, 0.1)[hour]
        return {
            "created_at": np.datetime64("2026-03-01", "us") + hour * np.timedelta64(3_600_000_000, "us"),
            "flag": (rng.random(n) < chance).astype(int),
        }

    def rows() -> Iterable[list[str]]:
        rng = np.random.default_rng(5)
        for n, hours in ((200, 24), (1000, 168), (5000, 720)):
            cells = []
            for outages in (0.0, 0.02, 0.05):
                frame = frame_of(draw(rng, n, hours, outages) for _ in range(RUNS // 2))
                cells.append(count_covered(frame, FAILURES, 0.1 + 0.6 * outages))
            yield [f"{n:,}", str(hours), *cells]

    show(
        "Rates with outages of an hour: of 100 intervals contain the truth",
        ["rows", "hours", "no outage", "2 % of hours", "5 % of hours"],
        rows(),
    )


def show_periods() -> None:
    """Show the coverage of the cost of a like period, in which the number of requests varies."""

    def rows() -> Iterable[list[str]]:
        rng = np.random.default_rng(6)
        for sigma in (0.0, 1.0, 1.5):
            cells = []
            for n in (50, 200):
                frame = frame_of({"usd": rng.lognormal(0, sigma, rng.poisson(n))} for _ in range(RUNS))
                cells.append(count_covered(frame, LIKE_PERIOD, n * math.exp(sigma**2 / 2)))
            yield [f"{sigma:g}", *cells]

    show("Cost of a like period: of 100 intervals contain the truth", ["sigma of costs", "n = 50", "200"], rows())


@dataclass(frozen=True, slots=True)
class Setting:
    """Two sides in a number of clusters each; `a` costs `factor` times as much."""

    sizes: tuple[int, int]
    sessions: str
    matched: bool
    sigma: float

    def draw(self, rng: Rng, factor: float) -> pd.DataFrame:
        """Return a data set: model 2 is 5 times more expensive, and rare in `a`; sessions may be of both sides."""
        n_a, n_b = self.sizes
        n = n_a + n_b
        session = np.arange(n) if self.sessions == "rows" else draw_sessions(rng, n)
        side = np.repeat(["A", "B"], [n_a, n_b])[session]
        if self.sessions == "on both sides":
            side = np.where(rng.random(len(session)) < n_a / n, "A", "B")
        rare = rng.random(n) < (np.arange(n) < n_a) * 0.3 + (np.arange(n) >= n_a) * 0.7
        model = rare[session].astype(int) if self.matched else np.zeros(len(session), dtype=int)
        common = rng.lognormal(0, 0.5 * self.sigma, n)[session] if self.sessions != "rows" else 1.0
        out = rng.lognormal(0, 0.7, len(session))
        cost = common * rng.lognormal(0, self.sigma * (1 if self.sessions == "rows" else 0.85), len(session))
        level = rng.beta(0.1 * 4, 0.9 * 4, n)[session] if self.sessions != "rows" else 0.1
        frame = pd.DataFrame(
            {
                "side": side,
                "model": np.where(model, "large", "small"),
                "out": out,
                "usd": cost * np.where(model, 5.0, 1.0) * np.where(side == "A", factor, 1.0),
                "flag": (rng.random(len(session)) < level * np.where(side == "A", factor, 1.0)).astype(int),
            }
        )
        if self.sessions != "rows":
            frame["session_id"] = [f"s{number}" for number in session]
        return frame


@dataclass(frozen=True, slots=True)
class Alarms:
    """How many data sets show a difference, of how many with limits, of how many; and contradictions with the ratio."""

    alarms: int
    given: int
    runs: int
    contradictions: int

    @property
    def percent(self) -> float:
        """The share of the data sets with limits that show a difference, in percent."""
        return 100 * self.alarms / self.given if self.given else 0.0

    def __str__(self) -> str:
        return write_share(self.percent, self.given / self.runs) if self.given else "gap"


def count_alarms(setting: Setting, statistic: Statistic, rng: Rng, factor: float, runs: int) -> Alarms:
    """Return how many of a number of data sets show a difference."""
    alarms = given = contradictions = 0
    for _ in range(runs):
        frame = setting.draw(rng, factor)
        found = compare(frame, by="side", a="A", b="B", metric=statistic, match="model" if setting.matched else ())
        difference, quotient = found.difference, found.ratio
        if difference.low is None or difference.high is None:
            continue
        given += 1
        differs = difference.low > 0 or difference.high < 0
        alarms += differs
        if quotient.low is not None and quotient.high is not None:
            contradictions += differs != (quotient.low > 1 or quotient.high < 1)
    return Alarms(alarms, given, runs, contradictions)


def list_settings() -> Iterable[tuple[Setting, Statistic]]:
    """Yield what is compared; percentiles not for sessions on both sides, which they count as independent."""
    statistics = ((MEAN, 1.0), (MEAN, 2.0), (PRICE, 1.5), (FAILURES, 1.0), (MEDIAN, 1.5), (P95, 1.5))
    for sizes in ((10, 300), (24, 276), (100, 2000)):
        for sessions in ("rows", "sessions", "on both sides"):
            for matched in (False, True):
                for statistic, sigma in statistics:
                    if sessions != "on both sides" or statistic not in (MEDIAN, P95):
                        yield Setting(sizes, sessions, matched, sigma), statistic


def show_comparisons() -> None:
    """Show how often equal sides differ, and how often sides of which one costs twice as much do.

    200 data sets are drawn for a cell, of large ones 100. If more than 6 of 100 differ, 1,000 others are drawn instead.
    """

    def rows() -> Iterable[list[str]]:
        rng, runs = np.random.default_rng(7), RUNS // 3
        for cell, (setting, statistic) in enumerate(list_settings()):
            repeats = runs if setting.sizes[1] < 2000 else runs // 2
            equal = count_alarms(setting, statistic, rng, 1.0, repeats)
            twice = count_alarms(setting, statistic, rng, 2.0, repeats // 4)
            if equal.percent > MOST_ALARMS:
                equal = count_alarms(setting, statistic, np.random.default_rng([7, cell]), 1.0, 1000)
            yield [
                f"{setting.sizes[0]}/{setting.sizes[1]}",
                setting.sessions,
                "model" if setting.matched else "",
                statistic.name,
                f"{setting.sigma:g}",
                str(equal),
                str(twice),
                str(equal.contradictions + twice.contradictions),
            ]

    heads = ["sizes", "clusters", "matched by", "statistic", "sigma", "equal", "twice as much", "contradictions"]
    show("Comparisons: of 100 show a difference", heads, rows())


TABLES: Mapping[str, Callable[[], None]] = {
    "means": show_means,
    "ratios": show_ratios,
    "rates": show_rates,
    "percentiles": show_percentiles,
    "hours": show_hours,
    "periods": show_periods,
    "comparisons": show_comparisons,
}


if __name__ == "__main__":
    for chosen in sys.argv[1:] or TABLES:
        TABLES[chosen]()

"""Estimates next to a known truth: `python3 dev.py bench estimates [PART ...]` prints figures of docs/decide.md.

`monthly`: limits of amounts per month. `elsewhere`: bounds at another provider and at another tokenizer. `repeats`:
near-duplicates. `causes`: effects on a change of cost. `outcomes`: the cost of a success.
"""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import genanalytics as ga
from genanalytics.decide.advice.monthly import DAYS_PER_MONTH, estimate_per_month

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from support.outcomes import draw_outcomes  # noqa: E402 - found by the line above
from support.providers import (  # noqa: E402
    Tariff,
    bill,
    draw_calls,
    list_frames,
    read_row,
    simulate_tokenizers,
    sum_nanos,
    to_nanos,
)
from support.repeated import SCENES, draw_all, draw_chats, find, send_twice  # noqa: E402

SETS = 200
CAUSES = ("requests", "mix", "input tokens", "output tokens", "price", "caching", "all", "none")


def measure_monthly() -> None:
    """Print how often the limits of an amount per month contain the truth, in 400 data sets each."""
    rng = np.random.default_rng(1)
    for idle, sigma in ((0.0, 0.5), (0.0, 1.5), (0.4, 0.5), (0.4, 1.5), (0.8, 1.5)):
        truth = math.exp(sigma**2 / 2) * (1 - idle) * DAYS_PER_MONTH
        cells = []
        for days in (14, 30, 90):
            drawn = rng.lognormal(0, sigma, (2 * SETS, days)) * (rng.random((2 * SETS, days)) >= idle)
            found = estimate_per_month({place: pd.Series(row) for place, row in enumerate(drawn)})
            limits = np.array(list(found.values()))
            known = limits[~np.isnan(limits).any(axis=1)]
            held = ((known[:, 1] <= truth) & (truth <= known[:, 2])).mean()
            cells.append(f"{100 * held:.1f} % of {len(known)}")
        print(f"| sigma {sigma}, {100 * idle:.0f} % of the days without any | {' | '.join(cells)} |", flush=True)


def measure_elsewhere() -> None:
    """Print how often bounds contain the cost at a provider with a worse cache, and at another tokenizer."""
    inside = exact = 0
    for seed in range(SETS):
        rng = np.random.default_rng(5_000 + seed)
        calls, others = draw_calls(60, 2 * seed), draw_calls(40, 2 * seed + 1)
        drawn = Tariff(*map(int, rng.integers((50, 5, 60, 300), (300, 50, 400, 2_000))))
        tariff = drawn if seed % 2 else Tariff()
        hits = np.where(rng.random(60) < rng.random(), rng.random(60), 0.0)
        served = sum_nanos(bill(calls._replace(share=calls.share * hits), tariff))
        frames = bill(calls, Tariff(), provider="here"), bill(others, tariff, provider="there")
        row = read_row(ga.what_if(list_frames(*frames)), provider_name="here")
        low, high = to_nanos([row["cost_there_low"], row["cost_there_high"]])
        inside += low <= served <= high
        exact += seed % 2 == 0 and low == sum_nanos(frames[0])
    print(f"a worse cache: {inside} of {SETS} inside; with equal prices, the charge is the lower bound in {exact}")
    for noise in (0.05, 0.15):
        found = np.array([simulate_tokenizers(1_000 + seed, noise=noise) for seed in range(SETS)])
        share, width = (found[:, 0] <= 1e-9).mean(), np.median(found[:, 1])
        print(
            f"tokenizers, {100 * noise:.0f} %: {100 * share:.1f} % inside, median width {100 * width:.1f} %", flush=True
        )


def measure_repeats() -> None:
    """Print false alarms of near-duplicates, and how often the interval contains what was sent twice."""
    scenes = [*(draw for name, draw in SCENES.items() if name != "health checks"), draw_all]
    alarms = sum(bool(find(scenes[seed % len(scenes)](np.random.default_rng(seed))).ids) for seed in range(SETS))
    print(f"{alarms} of {SETS} data sets without duplicates have any")
    held, bias = [], []
    for seed in range(SETS):
        rng = np.random.default_rng(seed)
        moments, sizes, apps = draw_chats(rng, 4_000)
        requests, is_second = send_twice((moments, np.round(sizes / 12) * 12, apps), rng, 0.02)
        found, truth = find(requests), float(requests[1][is_second].sum()) / 1e6
        held.append(found.cost_low - 1e-9 <= truth <= found.cost_high + 1e-9)
        bias.append(found.cost / truth - 1)
    print(f"the interval holds in {100 * np.mean(held):.1f} %; bias {100 * np.mean(bias):.1f} %")


def measure_causes() -> None:
    """Print how far effects on a change of cost are from those of the formula on the true prices."""
    rng = np.random.default_rng(16)
    pairs = [draw_pair(rng, CAUSES[number % len(CAUSES)], number) for number in range(26 * len(CAUSES))]
    items = ga.itemize(pd.concat([frame for frame, _ in pairs], ignore_index=True))
    errors: dict[str, list[tuple[float, float]]] = {cause: [] for cause in CAUSES}
    for number, (_, truth) in enumerate(pairs):
        sides = [items[(items["pair"] == number) & (items["side"] == side)] for side in (0, 1)]
        total = ga.cost_change(*sides).attrs["total"]
        error = max(abs(total[name] - effect) for name, effect in truth.items()) / abs(total["change"])
        errors[CAUSES[number % len(CAUSES)]].append((error, abs(total["by_price"]) / abs(total["change"])))
    for cause, found in errors.items():
        largest = np.max(found, axis=0)
        print(f"| {cause} | {len(found)} | {largest[0]:.0e} | {largest[1]:.0e} |")


def draw_pair(rng: np.random.Generator, cause: str, number: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the records of two periods that differ in a cause, and the effects on their cost."""

    def is_cause(name: str) -> bool:
        return cause in {name, "all"}

    cells = (
        ("x", "P", 1_500, 300, 3_000, 15_000, 0.4),
        ("x", "Q", 1_500, 300, 2_000, 9_000, 0.2),
        ("y", "P", 4_000, 700, 250, 1_250, 0.5),
    )
    growth = rng.uniform(1.3, 2) if is_cause("requests") else 1.0
    shifts = (1.0, 2.0, 0.5) if is_cause("mix") else (1.0, 1.0, 1.0)
    frames, sums = [], []
    for (model, provider, prompt, completion, of_input, of_output, cached), shift in zip(cells, shifts, strict=True):
        rows = int(rng.integers(60, 200))
        factor = float(rng.choice([0.8, 1.2, 1.5])) if is_cause("price") else 1.0
        sides = (
            (rows, prompt, completion, of_input, of_output, cached),
            (
                max(30, int(rows * growth * shift)),
                prompt * (1.5 if is_cause("input tokens") else 1),
                completion * (2 if is_cause("output tokens") else 1),
                int(of_input * factor),
                int(of_output * factor),
                cached * (0.25 if is_cause("caching") else 1),
            ),
        )
        drawn = [draw_cell(rng, *side) for side in sides]
        for side, (frame, _) in enumerate(drawn):
            frames.append(frame.assign(model=f"m{number}-{model}", provider_name=provider, pair=number, side=side))
        sums.append([own for _, own in drawn])
    return pd.concat(frames).astype({"model": "str", "provider_name": "str"}), find_effects(sums)


def draw_cell(  # noqa: PLR0917 - in the order of a cell
    rng: np.random.Generator, rows: int, prompt: float, completion: float, of_input: int, of_output: int, cached: float
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return billed records, and their sums."""
    prompts = np.maximum(200, rng.lognormal(math.log(prompt), 0.6, rows)).round().astype(int)
    completions = np.maximum(20, rng.lognormal(math.log(completion), 0.7, rows)).round().astype(int)
    read = (prompts * cached).round().astype(int)
    saved = read * of_input * 9 // 10
    frame = pd.DataFrame(
        {
            "native_tokens_prompt": prompts,
            "native_tokens_completion": completions,
            "native_tokens_cached": read,
            "total_cost": (prompts * of_input + completions * of_output - saved) / 1e9,
            "cache_discount": saved / 1e9,
            "upstream_inference_cost": 0.0,
            "is_byok": False,
        }
    )
    gross, output = float((prompts * of_input).sum()), float((completions * of_output).sum())
    sums = {"rows": rows, "input": prompts.sum(), "output": completions.sum()}
    sums |= {"gross input": gross, "net input": gross - saved.sum(), "gross output": output, "net output": output}
    return frame, sums


def find_effects(cells: list[list[dict[str, float]]]) -> dict[str, float]:
    """Return the effects in US$ by the formula of docs/decide.md, over cells and items."""
    found = dict.fromkeys(("requests", "mix", "input_tokens", "output_tokens", "price", "caching"), 0.0)
    totals = [sum(cell[side]["rows"] for cell in cells) for side in (0, 1)]
    for cell in cells:
        for item in ("input", "output"):
            was, now = (
                (
                    total,
                    sums["rows"] / total,
                    sums[item] / sums["rows"],
                    sums[f"gross {item}"] / sums[item],
                    sums[f"net {item}"] / sums[f"gross {item}"],
                    sums[f"net {item}"] / 1e9,
                )
                for sums, total in zip(cell, totals, strict=True)
            )
            alike = math.isclose(was[-1], now[-1], rel_tol=1e-15)
            mean = was[-1] if alike else (now[-1] - was[-1]) / math.log(now[-1] / was[-1])
            names = ("requests", "mix", f"{item}_tokens", "price", "caching")
            for name, one, other in zip(names, was[:-1], now[:-1], strict=True):
                found[name] += mean * math.log(other / one)
    return {f"by_{name}": effect for name, effect in found.items()}


def measure_outcomes() -> None:
    """Print how often intervals contain the cost of a success and the rate, over the settings of each row."""
    rng = np.random.default_rng(3)
    for tasks in (40, 100, 400):
        for chances in ((0.2,), (0.6, 0.9)):
            rows = [
                judge_outcomes(rng, tasks, chance, size, sigma)
                for chance in chances
                for size in (1, 4)
                for sigma in (0.5, 1.0)
            ]
            lowest, highest = np.min(rows, axis=0), np.max(rows, axis=0)
            held = zip(lowest[::2], highest[::2], strict=True)
            cells = [f"{100 * low:.1f} to {100 * high:.1f} %" for low, high in held]
            print(f"| {tasks}, {chances} | {cells[0]} | {lowest[1]:.2f} to {highest[1]:.2f} | {cells[1]} |", flush=True)


def judge_outcomes(
    rng: np.random.Generator, tasks: int, chance: float, size: int, sigma: float
) -> tuple[float, float, float]:
    """Return the share of intervals of the cost of a success that hold, its mean / truth, and the share of the rate."""
    frame, truth = draw_outcomes(rng, 2 * SETS, tasks, chance=chance, mean_size=size, sigma=sigma)
    found = ga.summarize(frame, by="run", metrics=["usd_per_success", "success_rate"], intervals=True)
    held = []
    for name, true in (("usd_per_success", truth), ("success_rate", chance)):
        low, high = (found[f"{name}_{end}"].to_numpy(dtype=float, na_value=np.nan) for end in ("low", "high"))
        known = ~np.isnan(low) & ~np.isnan(high)
        held.append(float(((low <= true) & (true <= high))[known].mean()))
    return held[0], float(found["usd_per_success"].mean() / truth), held[1]


if __name__ == "__main__":
    parts = {
        "monthly": measure_monthly,
        "elsewhere": measure_elsewhere,
        "repeats": measure_repeats,
        "causes": measure_causes,
        "outcomes": measure_outcomes,
    }
    for part in sys.argv[1:] or parts:
        parts[part]()

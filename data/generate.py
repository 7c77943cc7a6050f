"""Write the files of `data/` again: the sample of the sandbox. Run it with `python3 dev.py docs`."""

import json
from collections.abc import Iterable
from pathlib import Path

from genanalytics.records.schema import COLUMNS, Kind
from genanalytics.sandbox.catalog import MODELS
from genanalytics.sandbox.records import Sample, sample
from genanalytics.units import GAP

_IDS_HEAD = """\
# Generation ids of one month of synthetic traffic, as in a collected list: in order of time, some of them twice, some
# without a record.
"""

_README = """\
# The sample

Try genanalytics on one month (September 2026) of synthetic traffic: agent sessions, chats, images and speech, with
several models and providers. Accounts and prices are invented; the fields and their formats are those of real answers.

| file | content |
|---|---|
| `sample-ids.txt` | {ids} lines of ids, {distinct} of them different; {unresolved} have no record |
| `sample-generations.jsonl` | {records} answers of `GET /api/v1/generation?id=...`, one per line, in order of time |

`genanalytics.sandbox.sample()` returns the same data on every machine. `python3 dev.py docs` writes the files again.

## Properties

- Most answers have the 45 fields of the live API; some have only the 27 of the contract, as older gateways send them.
- `created_at` has both formats of the live API: milliseconds without trailing zeros and `Z`, or microseconds and
  `+00:00`.
- An agent session (`session_id`) starts with a write to the prompt cache, which costs a premium (`cache_discount` is
  negative); its other calls read most of their prompt from the cache.
- Costs are exact: tokens times the prices below, minus the cache discount. With a user's own key (`is_byok`),
  `upstream_inference_cost` is that sum, and `total_cost` is a fee of 5 % of it.
- The `latency` of chats that are not streamed is null; for these, the real API's value is unknown.

## Prices

US dollars per million tokens; an image costs 0.014. A dash means free or not cached.

{prices}
## Data dictionary

The columns of the frame that genanalytics makes from these answers.

<!-- data dictionary: begin -->
{dictionary}<!-- data dictionary: end -->
"""


def write_sample(directory: Path, sample: Sample) -> None:
    """Write the ids and the answers of a sample, and a README, into a directory, which is created if necessary."""
    directory.mkdir(parents=True, exist_ok=True)
    distinct = len(set(sample.ids))
    files = {
        "sample-ids.txt": _IDS_HEAD + _join_lines(sample.ids),
        "sample-generations.jsonl": _join_lines(
            json.dumps({"data": record}, separators=(",", ":")) for record in sample.records.values()
        ),
        "README.md": _README.format(
            ids=len(sample.ids),
            distinct=distinct,
            unresolved=distinct - len(sample.records),
            records=len(sample.records),
            prices=_make_price_table(),
            dictionary=make_data_dictionary(),
        ),
    }
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8", newline="\n")


def make_data_dictionary() -> str:
    """Return the columns as a Markdown table: name, type, unit, origin, meaning."""
    lines = ["| column | type | unit | origin | meaning |", "|---|---|---|---|---|"]
    for column in COLUMNS:
        dtype = "nested list" if column.kind is Kind.ATTEMPTS else column.kind.pandas_dtype
        lines.append(f"| `{column.name}` | {dtype} | {column.unit} | {column.origin} | {column.meaning} |")
    return _join_lines(lines)


def _join_lines(texts: Iterable[str]) -> str:
    return "".join(f"{text}\n" for text in texts)


def _make_price_table() -> str:
    rows = ["| model | prompt | cached read | cache write | completion |", "|---|---|---|---|---|"]
    for model in MODELS:
        price = model.price
        amounts = (price.prompt, price.cache_read, price.cache_write, price.completion)
        cells = [f"`{model.slug}`", *(f"{amount / 1_000:g}" if amount else GAP for amount in amounts)]
        rows.append(f"| {' | '.join(cells)} |")
    return _join_lines(rows)


if __name__ == "__main__":
    write_sample(Path(__file__).parent, sample())

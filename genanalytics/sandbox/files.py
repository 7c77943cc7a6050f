"""The sample as files: `python -m genanalytics.sandbox.files data` writes what `data/` holds."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from genanalytics.records.schema import data_dictionary
from genanalytics.sandbox.catalog import MODELS
from genanalytics.sandbox.records import Sample, sample
from genanalytics.units import NOTHING

_IDS_HEAD = """\
# Generation ids of one month of made-up traffic, as a harvested list holds them: in order of time, some of them twice,
# some that never resolve. Made by: python -m genanalytics.sandbox.files data
"""

_README = """\
# The sample

One month (September 2026) of made-up traffic: agent sessions, chats, images and speech, over several models and
providers. No real account, no real price; the shapes are those of real answers.

| file | what it holds |
|---|---|
| `sample-ids.txt` | {ids} lines of ids, {distinct} of them different; {unresolved} never resolve |
| `sample-generations.jsonl` | the {records} answers of `GET /api/v1/generation?id=...`, one a line, in order of time |

Both were made by `genanalytics.sandbox.sample()`, which gives the same everywhere, and are made anew by

```
python -m genanalytics.sandbox.files data
```

## What to know about it

- Most answers have the live API's 45 fields; some have the 27 of the contract alone, as an older gateway gives them.
- `created_at` comes in the forms that were seen: milliseconds without trailing zeros and a `Z`, or microseconds and
  `+00:00`.
- An agent session (`session_id`) begins with a write to the prompt cache, which costs a premium (`cache_discount` is
  negative); its further calls read most of their prompt from the cache.
- Costs are exact: tokens times the prices below, less what caching saved. For a user's own key (`is_byok`),
  `upstream_inference_cost` is that sum and `total_cost` a fee of 5 % of it.
- What the real API reports as `latency` of a chat that is not streamed is not known; it is null here.

## Prices

US dollars per million tokens; an image costs 0.014. A dash: free, or not cached here.

{prices}
## Data dictionary

The columns of the frame that genanalytics makes of these answers.

<!-- data dictionary: begin -->
{dictionary}<!-- data dictionary: end -->
"""


def write_sample(directory: Path, sample: Sample) -> None:
    """Write the sample's ids, its answers and a README into `directory`, which is made where it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    distinct = len(set(sample.ids))
    files = {
        "sample-ids.txt": _IDS_HEAD + _lines(sample.ids),
        "sample-generations.jsonl": _lines(
            json.dumps({"data": record}, separators=(",", ":")) for record in sample.records.values()
        ),
        "README.md": _README.format(
            ids=len(sample.ids),
            distinct=distinct,
            unresolved=distinct - len(sample.records),
            records=len(sample.records),
            prices=_price_table(),
            dictionary=data_dictionary(),
        ),
    }
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8", newline="\n")


def _lines(texts: Iterable[str]) -> str:
    return "".join(f"{text}\n" for text in texts)


def _price_table() -> str:
    rows = ["| model | prompt | cached read | cache write | completion |", "|---|---|---|---|---|"]
    for model in MODELS:
        price = model.price
        amounts = (price.prompt, price.cache_read, price.cache_write, price.completion)
        cells = [f"`{model.slug}`", *(f"{amount / 1_000:g}" if amount else NOTHING for amount in amounts)]
        rows.append(f"| {' | '.join(cells)} |")
    return _lines(rows)


def main() -> None:
    """Write the default sample into the directory named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m genanalytics.sandbox.files", description=__doc__)
    parser.add_argument("directory", type=Path)
    write_sample(parser.parse_args().directory, sample())


if __name__ == "__main__":
    main()

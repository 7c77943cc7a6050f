"""Write the files of `data/` again: the sample of the sandbox. Run it with `python3 dev.py docs`."""

import json
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from genanalytics.records.schema import COLUMNS, Kind
from genanalytics.sandbox.records import Sample, sample
from genanalytics.units import GAP

_IDS_HEAD = """\
# Generation ids of one month of synthetic traffic, as in a collected list: in order of time, some of them twice, some
# without a record.
"""

_README = """\
# The sample

Try genanalytics on one month (September 2026) of synthetic traffic: agent sessions, chats, batches, images and speech,
with several models and providers. Accounts and prices are invented; the fields and their formats are those of real
answers.

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
- A session of `openai/gpt-5.6-luna-20260709` at Azure sometimes flips between two endpoints (`endpoint_id` in
  `provider_responses`); one of them costs 10 % more. The first call after a flip reads nothing from the cache and
  writes its whole prompt again.
- Costs are exact to the nano-dollar: tokens times the prices below, minus the cache discount, plus fees. With a user's
  own key (`is_byok`), `upstream_inference_cost` is that sum, and `total_cost` is a fee of 5 % of it.
- Some chats pay fees: US$ 0.004 per result of a web search (`num_search_results`), and US$ 0.002 per page of a file,
  which no field reports.
- `sample().priced_by` has the price sheet of each record, and `sample().items` the items of its bill, with the tokens
  that were written to the cache.
- The `latency` of chats that are not streamed is null; for these, the real API's value is unknown.

## Prices

US dollars per million tokens; an image costs 0.014. A dash means free or not cached. Other prices than those of the
list hold under these terms:

- regional endpoint: the second endpoint of a provider; only `endpoint_id` shows it.
- from day 16, 14:00 UTC on: the provider raised its prices.
- batch, flex, priority: the tier that served the call (`service_tier`, and `routed_service_tier` in
  `provider_responses`); ids of batches start with `gen-batch-`.
- prompts of 200,000 tokens or more: the length of the prompt decides, with all of its cached tokens.
- cache writes for one hour: one app (`origin`) asks for one hour instead of five minutes.
- data discount: one app pays 1 % less for one model.

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
            prices=_make_price_table(sample),
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


def _make_price_table(sample: Sample) -> str:
    """Return the price sheets of a sample as a Markdown table; those of providers with the same prices are one row."""
    lines = [
        "| model | terms | provider | prompt | cached read | cache write | completion | records |",
        "|---|---|---|---|---|---|---|---|",
    ]
    bills = Counter(sample.priced_by.values())
    providers: dict[tuple[str, str, str], dict[str, int]] = {}
    for sheet, records in bills.items():
        amounts = (sheet.input_price, sheet.cache_read_price, sheet.cache_write_price, sheet.output_price)
        prices = " | ".join(map(_format_price, amounts))
        providers.setdefault((sheet.model, sheet.terms, prices), {})[sheet.provider_name] = records
    for (model, terms, prices), records_of in sorted(
        providers.items(), key=lambda row: (row[0][0], row[0][1] != "list")
    ):
        names = ", ".join(sorted(records_of))
        lines.append(f"| `{model}` | {terms} | {names} | {prices} | {sum(records_of.values())} |")
    return _join_lines(lines)


def _format_price(price: Decimal | None) -> str:
    return f"{price}" if price else GAP


if __name__ == "__main__":
    write_sample(Path(__file__).parent, sample())

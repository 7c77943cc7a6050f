"""The section on unit prices: what changes and surcharges cost, and at which prices requests were billed."""

from collections.abc import Iterator

import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.text import name_group, shorten
from genanalytics.bill.book import BY
from genanalytics.bill.levels import CHANGE, SURCHARGE, TIER
from genanalytics.bill.regimes import KNOWN
from genanalytics.report.bill import Bill, describe_relations
from genanalytics.report.blocks import Block, Section, Table, Text
from genanalytics.report.given import Given
from genanalytics.report.sections.charts import draw_named
from genanalytics.report.tables import MOST_ROWS, list_shown, make_table, make_tables
from genanalytics.tables.prices import SEEN, describe_unexplained, list_prices
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound

_CHART = "unit-prices"
_OFFER = "model, provider"
_LONGEST = 38
"""The longest name of a model or a provider, in letters."""
_DEFINITIONS = {
    "requests": "Billed requests at this price",
    "explained_share": "Requests at this price / billed requests of the model at the provider",
    "input_price": "Price of a million input tokens that were not read from the cache",
    "cache_read_price": "Price of a million tokens that were read from the cache",
    "cache_write_price": "Price of a million tokens that were written to the cache",
    "output_price": "Price of a million output tokens",
    "request_price": "Price of a request, whatever its tokens",
}
_OF_CHANGES = {
    "requests": "Billed requests at the higher or lower price",
    "extra_cost": "What these requests cost above the lowest price of the model at the provider at the same time, or"
    " before the change",
    "share": "Extra cost / cost of these requests",
}
_TITLE = "Prices"


def make_prices(given: Given) -> Section | None:
    """Return the section on unit prices."""
    bill = given.figures.bill
    if bill.prices.empty:
        return Section("prices", _TITLE, "No request was billed, so there are no prices.", [])
    return Section("prices", _TITLE, _answer(bill), _list_blocks(given))


def _answer(bill: Bill) -> str:
    """Return what changes and surcharges cost, and for how many requests prices are known."""
    known = bill.prices["requests"][bill.prices["identified"].eq(KNOWN)].sum()
    share = format_value(known / bill.prices["requests"].sum(), Unit.SHARE)
    costs = [*_list_costs(bill)]
    if not known:
        return "No unit price is known: the records do not prove any."
    if not costs:
        return f"No price changed and no surcharge was paid, as far as prices are known: for {share} of the requests."
    return f"{' and '.join(costs)}; prices are known for {share} of the billed requests."


def _list_costs(bill: Bill) -> Iterator[str]:
    """Yield what the surcharges cost, and the changes."""
    mark = mark_lower_bound if bill.changes.attrs["lower_bounds"] else str
    for kind, noun in ((SURCHARGE, "surcharge"), (CHANGE, "price change")):
        extra = bill.changes["extra_cost"][bill.changes["kind"] == kind]
        if len(extra):
            amount = format_value(abs(extra.sum()), Unit.USD)
            does = f"cost an extra {mark(amount)}" if extra.sum() >= 0 else f"saved {amount}"
            yield f"{format_count(len(extra), noun)} {does}"


def _list_blocks(given: Given) -> list[Block]:
    bill = given.figures.bill
    unexplained = [Text(text) for text in describe_unexplained(bill.prices)]
    return [_draw(given), *_list_changes(bill), *_list_prices(bill.prices, given.tz), *unexplained]


def _draw(given: Given) -> Block:
    bill = given.figures.bill
    known = int(bill.prices["identified"].eq(KNOWN).sum())
    words = f"{format_count(known, 'price')} of models at providers are known."
    return draw_named(given, _CHART, in_words=words, height=0.8, prices=bill.prices, model=bill.model_of_change)


def _list_changes(bill: Bill) -> Iterator[Table]:
    """Yield the tables of differences between prices; tiers are no losses."""
    found = bill.changes
    rows = name_offers(found).assign(compared=describe_relations(found["relation"]))
    if found.attrs["lower_bounds"]:
        rows.attrs["lower_bounds"] = ["requests", "extra_cost"]
    figures = list_shown(rows, _OF_CHANGES)
    real, tiers = (rows[mask] for mask in (found["kind"] != TIER, found["kind"] == TIER))
    if len(real):
        caption = "What surcharges and price changes cost"
        yield from make_tables(
            real,
            [_OFFER],
            figures,
            name="price-changes",
            noun="difference",
            caption=caption,
            words=["kind", "compared"],
            losses=["extra_cost"],
        )
    if len(tiers):
        caption = "What other tiers cost: you choose them, or the prompt sets them"
        folded = format_count(len(tiers), "other tier")
        yield make_table(
            tiers, [_OFFER], figures, name="price-tiers", caption=caption, words=["compared"], folded=folded
        )


def _list_prices(found: pd.DataFrame, tz: str) -> Iterator[Table]:
    """Yield the prices with most requests in few columns, and all of them with all columns."""
    known = found[found["regime"].notna()]
    if known.empty:
        return
    rows = name_offers(known).assign(
        compared=describe_relations(known["relation"]),
        identified=known["identified"].mask(known["identified"].eq(KNOWN), "yes"),
        **{name: known[name].dt.tz_convert(tz) for name in SEEN},
    )
    ranked = rows.sort_values("requests", ascending=False, kind="stable")
    few, all_prices = ["requests", "input_price", "output_price"], ["requests", "explained_share", *list_prices(found)]
    shown = list_shown(rows, {name: _DEFINITIONS[name] for name in all_prices})
    yield make_table(
        ranked.head(MOST_ROWS),
        [_OFFER],
        [one for one in shown if one.name in few],
        name="prices-most-used",
        caption="Prices with most requests",
        words=["compared"],
    )
    yield make_table(
        rows,
        [_OFFER],
        shown,
        name="prices-all",
        caption="All prices",
        words=["compared", "identified", *SEEN],
        folded=f"All {format_count(len(rows), 'price')}",
    )


def name_offers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with one column for the model and the provider."""
    pairs = zip(*(rows[name] for name in BY), strict=True)
    names = [", ".join(shorten(name_group(part, missing="not given"), _LONGEST) for part in pair) for pair in pairs]
    return rows.assign(**{_OFFER: pd.Series(names, rows.index, dtype=TEXT)})

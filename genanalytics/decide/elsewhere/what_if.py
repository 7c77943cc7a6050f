"""What the same requests would have cost elsewhere: at another provider or model, without caching, in a batch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import pandas as pd

from genanalytics.base.frames import drop_attrs
from genanalytics.base.opening import opens_paths
from genanalytics.base.text import list_names, name_group, suggest
from genanalytics.bill.book import BY, check_prices, list_keys
from genanalytics.bill.items import add_items
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.decide.elsewhere.cost_there import Deal, compute_cost, read_present
from genanalytics.decide.elsewhere.offers import list_batches, list_recovered, scale_offers
from genanalytics.decide.elsewhere.other_caching import compare_uncached, compare_unflipped
from genanalytics.decide.elsewhere.price_list import Offer, read_offers
from genanalytics.decide.elsewhere.result import arrange, describe_total
from genanalytics.decide.elsewhere.tokenizers import SAME, find_factors, find_ratios
from genanalytics.decide.elsewhere.usage import COMPARED, Group, Row, RowsByGroup, list_by_group, read_usage
from genanalytics.errors import InputError
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.summary import describe_completeness

Caching = Literal["as seen", "none", "no flips"]
"""What the prompt cache would do."""
BATCH = "batch"

_ELSEWHERE = "the same model at another provider: quantization, limits and speed can differ"
_OTHER_MODEL = "another model gives other answers, of another length: these are differences of cost, not savings"
_WAITING = "whether requests can wait for a batch is not in the records: keep those that can, such as those of one app"
_NO_OTHER = "no price of this model at another provider"
_NO_BATCH = "no batch price of this model at this provider in the data: give a factor, such as batch=0.5"
_SHAPES = "give a provider, 'batch', or a mapping with 'model', 'provider_name' or 'batch'"


@opens_paths("data", "reference")
def what_if(
    data: Records,
    *,
    to: str | Mapping[str, object] | None = None,
    prices: Any = None,  # noqa: ANN401 - a frame, or parsed JSON
    caching: Caching = "as seen",
    reference: Records | None = None,
) -> pd.DataFrame:
    """Return what the same requests would have cost: one row per model and provider of the data and each alternative.

    Prices come out of the records (`ga.prices`), or from a list. The price of an alternative is the latest one
    there, without batches, service tiers and own keys. Where caching or tokenizers leave the cost open, the result has
    bounds. docs/decide.md describes how.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        to: The alternative. None: every other provider of the same model; without `caching` as seen, the present
            provider. A name or `{"provider_name": name}`: that provider. `{"model": name}`: another model, perhaps with
            `provider_name`. `"batch"`: in a batch at the present provider, at its recovered batch prices;
            `{"batch": 0.5}` at half of its present prices.
        prices: None, or the result of `ga.prices(data)`: the recovered prices. Otherwise prices of alternatives: a
            frame with `model`, `input_price` and `output_price` (US$ per million tokens) and perhaps `provider_name`,
            `cache_read_price`, `cache_write_price`, `request_price`, `context_length`; or the parsed JSON of the
            service's list of models (`GET /models`) or endpoints.
        caching: `as seen`: the cache serves between what it served and nothing. `none`: nothing is cached. `no flips`:
            no session loses its cache, at the present provider; the lower bound is without all losses of
            `ga.cache_flips`, and a model and provider with a loss of unknown size has no answer.
        reference: More records, out of which prices and tokenizers are learned if `data` is a part of them, such as the
            requests of one app; None: those of `data`.

    Returns:
        The same model at other providers comes first, then the highest `cost`.

        - `model`, `provider_name` (str): now. `to_model`, `to_provider` (str): the alternative; a gap without one, or
          for a list without providers.
        - `requests` (Int64): the requests that can be compared. `requests_apart` (Int64): all others of the model and
          provider, such as those of batches, with own keys (BYOK), or longer than what is known there.
        - `cost` (Float64, US$): what the compared requests cost. `cost_apart` (Float64): what the others cost, with
          what was paid with own keys.
        - `cost_there_low`, `cost_there_high` (Float64): what the compared requests would have cost, at least and at
          most. `change_low`, `change_high` (Float64): the same minus `cost`. Gaps if there is no answer.
        - `apart` (str): why requests are not compared, with their number. `assumed` (str): the assumptions.
          `refused` (str): why there is no answer; a gap if there is one.

        Fees for tools stay as they were. `attrs` contains `units`, `labels`, `notices`, `coverage` and `lower_bounds`.

    Raises:
        MissingColumnError: The data or the table of prices lacks a column.
        InputError: The alternative or a price cannot be read, or no record and no price has that name.

    >>> prompt, completion = [1000, 2500, 4200, 800, 1600, 3100], [120, 80, 310, 45, 500, 260]
    >>> cost = [(3 * p + 15 * c) / 1e6 for p, c in zip(prompt, completion)]
    >>> here = pd.DataFrame({"native_tokens_prompt": prompt, "native_tokens_completion": completion,
    ...                      "native_tokens_cached": 0, "total_cost": cost, "model": "a", "provider_name": "here"})
    >>> there = here.assign(total_cost=here["total_cost"] / 2, provider_name="there")
    >>> found = what_if(pd.concat([here, there]), to="there")
    >>> found[["provider_name", "to_provider", "requests", "cost", "cost_there_low"]].to_dict("records")
    [{'provider_name': 'here', 'to_provider': 'there', 'requests': 6, 'cost': 0.059325, 'cost_there_low': 0.0296625}]
    """
    recovered = prices if isinstance(prices, pd.DataFrame) and "regime" in prices else None
    target = read_target(to, caching, is_listed=prices is not None and recovered is None)
    if caching == "no flips":
        return compare_unflipped(data, recovered)
    if caching == "none" and not target and (prices is None or recovered is not None):
        return compare_uncached(data)
    learned = data if reference is None else reference
    table = compute_prices(learned) if recovered is None else recovered
    check_prices(table, "identified")
    if list_keys(table) != [*BY]:
        msg = f"prices by {', '.join(list_keys(table))}: give those by {' and '.join(BY)}, which ga.prices returns"
        raise InputError(msg)
    itemized = add_items(data, table)
    usage = read_usage(itemized)
    everything = usage if reference is None else read_usage(add_items(reference, table))
    priced = list_by_group(drop_attrs(table))
    listed = None if prices is None or recovered is not None else read_offers(prices)
    offers = _list_offers(target, listed, priced, everything)
    ratios = find_ratios(learned) if "model" in target else None
    deals = _make_deals(usage, offers, target, ratios, is_cached=caching == "as seen", is_listed=listed is not None)
    refusal = _find_refusal(target, is_listed=listed is not None)
    found = arrange(_compare_all(_divide(itemized, usage, deals), deals, priced, target, refusal))
    notices = list(dict.fromkeys([*open_source(data).notices, *_list_notices(deals, target), *describe_total(found)]))
    found.attrs |= describe_completeness(data, ("requests", "requests_apart")) | {"notices": notices}
    return found


def read_target(to: object, caching: str, *, is_listed: bool) -> dict[str, Any]:
    """Return the alternative as a mapping.

    Args:
        to: The alternative.
        caching: What the cache would do there.
        is_listed: Whether a list of prices is given.

    Raises:
        InputError: One of them is something else, or they contradict each other.
    """
    if caching not in get_args(Caching):
        msg = f"caching={caching!r}; there are {', '.join(map(repr, get_args(Caching)))}"
        raise InputError(msg, arguments=["caching"])
    target = {} if to is None else _read_alternative(to)
    if caching == "no flips" and (target or is_listed):
        msg = "caching='no flips' is about the present provider: leave out the alternative and given prices"
        raise InputError(msg, arguments=["caching"])
    if is_listed and BATCH in target:
        msg = "batch prices come from the records: leave out the given prices"
        raise InputError(msg)
    return target


def _read_alternative(to: object) -> dict[str, Any]:
    if isinstance(to, str) and to:
        return {BATCH: None} if to == BATCH else {"provider_name": to}
    if not isinstance(to, Mapping) or not to or not set(to) <= {"model", "provider_name", BATCH}:
        msg = f"to={to!r} is no alternative: {_SHAPES}"
        raise InputError(msg, arguments=["to"])
    target = {str(name): value for name, value in to.items()}
    if BATCH in target:
        factor = target[BATCH]
        if len(target) > 1 or isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor <= 1:
            msg = f"to={to!r}: give 'batch' alone, with its price as a share of the present one, such as 0.5"
            raise InputError(msg, arguments=["to"])
    return target


def _list_offers(
    target: Mapping[str, Any], listed: list[Offer] | None, priced: RowsByGroup, usage: RowsByGroup
) -> list[Offer]:
    """Return the offers of an alternative.

    Raises:
        InputError: There is no such model or provider.
    """
    if BATCH in target:
        recovered = list_recovered(priced, usage)
        return list_batches(priced, usage) if target[BATCH] is None else scale_offers(recovered, target[BATCH])
    offers = list_recovered(priced, usage) if listed is None else listed
    if "model" in target:
        names = {alias for offer in offers for alias in (offer.model, *offer.aliases)}
        _check_name("model", target["model"], names)
        offers = [offer for offer in offers if offer.is_of(target["model"])]
    if "provider_name" in target:
        _check_name("provider", target["provider_name"], {offer.provider_name or "" for offer in offers} - {""})
        offers = [offer for offer in offers if offer.provider_name == target["provider_name"]]
    return offers


def _check_name(what: str, name: object, names: Iterable[str]) -> None:
    known = sorted(names)
    if name not in known:
        shown = list_names(known, near=str(name))
        msg = f"no {what} {name!r} has a price; {suggest(str(name), known)}there are {shown or 'none'}"
        raise InputError(msg)


def _make_deals(
    usage: RowsByGroup,
    offers: Sequence[Offer],
    target: Mapping[str, Any],
    ratios: pd.DataFrame | None,
    *,
    is_cached: bool,
    is_listed: bool,
) -> dict[Group, list[Deal]]:
    """Return the alternatives of each group."""
    deals: dict[Group, list[Deal]] = {}
    for group, cells in usage.items():
        compared = [cell for cell in cells if cell["reason"] == COMPARED]
        chosen = [offer for offer in offers if _is_alternative(offer, group, target, is_listed=is_listed)]
        deals[group] = [
            Deal(
                offer,
                SAME if offer.is_of(group[0]) else find_factors(compared, offer.model, offer.aliases, ratios),
                is_batch=BATCH in target,
                is_cached=is_cached,
            )
            for offer in chosen
        ]
    return deals


def _is_alternative(offer: Offer, group: Group, target: Mapping[str, Any], *, is_listed: bool) -> bool:
    """Return whether the requests of a group could be sent at an offer instead."""
    is_same_model = offer.is_of(group[0])
    is_here = is_same_model and offer.provider_name == group[1]
    if BATCH in target:
        return is_here
    return is_listed or not is_here if is_same_model else "model" in target


def _divide(itemized: Records, usage: RowsByGroup, deals: Mapping[Group, Sequence[Deal]]) -> RowsByGroup:
    """Return the usage with prompts on both sides of each limit in different rows."""
    lengths: dict[Group, set[float]] = {}
    contexts: dict[Group, set[float]] = {}
    for group, cells in usage.items():
        longest, most = (max(cell[name] for cell in cells) for name in ("longest", "most"))
        for deal in deals[group]:
            of_prompt, of_context = deal.list_limits()
            lengths.setdefault(group, set()).update(limit for limit in of_prompt if limit < longest)
            contexts.setdefault(group, set()).update(limit for limit in of_context if limit < most)
    if not any(lengths.values()) and not any(contexts.values()):
        return usage
    return read_usage(itemized, lengths, contexts)


def _compare_all(
    usage: RowsByGroup,
    deals: Mapping[Group, Sequence[Deal]],
    priced: RowsByGroup,
    target: Mapping[str, Any],
    refusal: str,
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for group, cells in usage.items():
        present = read_present(priced.get(group, ()))
        now = {"model": group[0], "provider_name": group[1]}
        rows += [now | _describe(deal) | _answer(compute_cost(cells, deal, present), deal) for deal in deals[group]]
        is_there = "provider_name" in target and target["provider_name"] == group[1]
        if not deals[group] and not is_there:
            rows.append(now | _count_apart(cells) | {"refused": refusal})
    return rows


def _find_refusal(target: Mapping[str, Any], *, is_listed: bool) -> str:
    """Return why requests have no alternative."""
    if BATCH in target:
        return _NO_BATCH
    if is_listed:
        return "the given prices have none of this model"
    provider = target.get("provider_name")
    return _NO_OTHER if provider is None else f"no price of this model at {name_group(provider)}"


def _count_apart(cells: Sequence[Row]) -> dict[str, Any]:
    """Return the counts and the cost of requests if none is compared."""
    return {
        "requests": 0,
        "requests_apart": sum(round(cell["requests"]) for cell in cells),
        "cost": 0.0,
        "cost_apart": sum(cell["cost"] for cell in cells),
    }


def _answer(found: dict[str, Any], deal: Deal) -> dict[str, Any]:
    refused = deal.offer.refusal
    if not refused and not found["requests"]:
        refused = f"no request can be compared: {found['apart']}"
    if not refused and not deal.factors.is_known:
        refused = deal.factors.words
    if not refused:
        return found
    return {
        "requests": 0,
        "requests_apart": found["requests"] + found["requests_apart"],
        "cost": 0.0,
        "cost_apart": found["cost"] + found["cost_apart"],
        "refused": refused,
    }


def _describe(deal: Deal) -> dict[str, Any]:
    return {
        "to_model": deal.offer.model,
        "to_provider": deal.offer.provider_name,
        "is_same": deal.is_same_model,
    }


def _list_notices(deals: Mapping[Group, Sequence[Deal]], target: Mapping[str, Any]) -> Iterable[str]:
    every = [deal for own in deals.values() for deal in own]
    if BATCH in target:
        yield _WAITING
        return
    if any(deal.is_same_model for deal in every):
        yield _ELSEWHERE
    if any(not deal.is_same_model for deal in every):
        yield _OTHER_MODEL

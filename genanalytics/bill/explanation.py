"""One generation in full, as values and as a page that people read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from genanalytics.base.html import make_block
from genanalytics.base.mask import hide_api_keys
from genanalytics.base.text import to_sentence
from genanalytics.bill.meters import Bill, Meter
from genanalytics.bill.page import Section, make_sum, show, show_count, show_moment, show_ms, show_price, show_usd
from genanalytics.units import GAP, Unit, format_value


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a provider.

    Attributes:
        provider_name: The provider.
        status: The status of HTTP.
        wait_ms: The time that it took in milliseconds: until the first token, or until it failed.
        service_tier: The tier that served it.
    """

    provider_name: str | None
    status: int | None
    wait_ms: int | None
    service_tier: str | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a generation as its provider counts them.

    Attributes:
        prompt: All of the prompt.
        cached: The part of the prompt that was read from the cache.
        written: The part of the prompt that was written to the cache; it follows from the prices.
        completion: All of the completion.
        reasoning: The part of the completion that is reasoning.
    """

    prompt: int | None
    cached: int | None
    written: int | None
    completion: int | None
    reasoning: int | None


@dataclass(frozen=True, slots=True)
class Regime:
    """The prices of a generation, as a row of `ga.prices`.

    Attributes:
        number: The number of the regime among those of its group; 1 is the one with most requests.
        relation: How it relates to regime 1, in words.
        first_seen: The first request at these prices (UTC).
        last_seen: The last one.
        requests: The number of requests at these prices.
        explained_share: Their share among all billed requests of the group (0 to 1).
        prices: US$ per million tokens by name, and `request_price` in US$; None for what is unknown.
    """

    number: int
    relation: str | None
    first_seen: datetime | None
    last_seen: datetime | None
    requests: int | None
    explained_share: float | None
    prices: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class SessionShare:
    """The place of a generation in its session.

    Attributes:
        session_id: The session.
        position: The place in the order of creation, from 1; None without `created_at`.
        requests: The number of generations of the session.
        cost_usd: The known cost of the session in US$.
        cost_share: The share of this generation in it (0 to 1).
    """

    session_id: str
    position: int | None
    requests: int
    cost_usd: float | None
    cost_share: float | None


@dataclass(frozen=True, slots=True)
class MedianComparison:
    """A value next to the median of the same model.

    Attributes:
        label: What is compared.
        unit: The unit of both.
        value: The value of the generation.
        median: The median over the generations of the model.
        known: The number of generations that the median is of.
    """

    label: str
    unit: Unit
    value: float | None
    median: float | None
    known: int


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Explanation:
    """One generation in full; `print` shows it as a page, and a notebook as HTML.

    Attributes:
        requested_id: The id.
        created_at: The time of its creation (UTC).
        model: The model's dated slug.
        provider_name: The provider that served it.
        kind: What it is, in words: `completions, streamed`, `image`, `replayed from the response cache`, ...
        who: What is known of the caller, by label: app, key, user, session, ...
        attempts: The attempts at providers, in order.
        tokens: The tokens.
        timings: The times of the record in milliseconds, by label.
        regime: The prices; None if they are unknown, for the reason in `notices`.
        charge: The bill of the service. Its lines add up to `total_cost`.
        upstream: The bill of the provider to the user's own key (BYOK), whose lines add up to
            `upstream_inference_cost`; None for other generations.
        session: The place in its session; None without a session or without data.
        comparisons: Cost and times next to the median of the model; none without data.
        notices: What is unknown, and why.
    """

    requested_id: str | None
    created_at: datetime | None
    model: str | None
    provider_name: str | None
    kind: str
    who: Mapping[str, str]
    attempts: tuple[Attempt, ...]
    tokens: Tokens
    timings: Mapping[str, float | None]
    regime: Regime | None
    charge: Bill
    upstream: Bill | None
    session: SessionShare | None
    comparisons: tuple[MedianComparison, ...]
    notices: tuple[str, ...]

    @property
    def total_cost(self) -> Decimal | None:
        """What the service charged, in US$; None if the record does not say it."""
        return self.charge.total

    @property
    def saved_usd(self) -> Decimal | None:
        """The saving of prompt caching in US$, below 0 if it cost more; None if nothing is reported."""
        return self._priced.saved

    @property
    def cost_without_cache(self) -> Decimal | None:
        """What the tokens would have cost without prompt caching, in US$; None if the cost is unknown."""
        bill = self._priced
        return None if bill.total is None else bill.total + (bill.saved or 0)

    def __repr__(self) -> str:
        return self.to_text()

    def to_text(self, *, width: int | None = None) -> str:
        """Return the page as text, with lines of at most `width` characters if possible; None for any length."""
        return "\n\n".join(section.to_text(width=width) for section in self._list_sections())

    def _repr_html_(self) -> str:
        return make_block(*(section.to_html() for section in self._list_sections()))

    def to_json(self) -> dict[str, Any]:
        """Return all values as plain Python values: amounts as numbers, times as ISO 8601, gaps as None."""
        names = [field.name for field in fields(self) if field.name not in {"charge", "upstream"}]
        bills = {name: _bill_to_json(bill) for name, bill in (("charge", self.charge), ("upstream", self.upstream))}
        own = {
            "total_cost": self.total_cost,
            "saved_usd": self.saved_usd,
            "cost_without_cache": self.cost_without_cache,
        }
        found: dict[str, Any] = _to_plain({name: getattr(self, name) for name in names} | bills | own)
        return found

    @property
    def _priced(self) -> Bill:
        """The bill of the tokens: that of the provider if the user's own key paid."""
        return self.upstream or self.charge

    @property
    def _is_free(self) -> bool:
        return self._priced.total == 0 and all(line.price == 0 for line in self._priced.lines)

    def _list_sections(self) -> Iterator[Section]:
        yield Section(str(show(self.requested_id)), tuple(self._describe()))
        if self.attempts:
            yield Section(
                "Attempts",
                tuple(
                    (str(place), show(attempt.provider_name), show(attempt.status), show_ms(attempt.wait_ms))
                    + ((show(attempt.service_tier),) if attempt.service_tier else ())
                    for place, attempt in enumerate(self.attempts, 1)
                ),
                figures=(0, 3),
            )
        yield Section("Tokens", tuple(_list_tokens(self.tokens)), figures=(1,))
        yield Section("Prices", tuple(self._describe_prices()), figures=() if self.regime is None else (1,))
        yield from self._list_sums()
        yield Section("Prompt caching", tuple(self._describe_caching()))
        if self.comparisons or self.session:
            yield Section("Compared", tuple(self._compare()), figures=(1, 2, 3))
        if self.notices:
            yield Section("Notices", tuple((to_sentence(notice),) for notice in self.notices))

    def _describe(self) -> Iterator[tuple[str, ...]]:
        yield "when", show_moment(self.created_at)
        yield "what", self.kind
        yield "model", show(self.model)
        yield "provider", show(self.provider_name)
        yield from self.who.items()
        for label, value in self.timings.items():
            yield label, show_ms(value)

    def _describe_prices(self) -> Iterator[tuple[str, ...]]:
        regime = self.regime
        if regime is None:
            yield ("free of charge" if self._is_free else "unknown: see the notices",)
            return
        for name, price in regime.prices.items():
            unit = "US$ per request" if name == "request_price" else "US$ per million tokens"
            if price is not None and (price or name != "request_price"):
                yield name.removesuffix("_price").replace("_", " "), show_price(price), unit
        share, is_main = format_value(regime.explained_share, Unit.SHARE), regime.relation == "regime 1"
        yield "regime", str(regime.number), "the one with most requests" if is_main else show(regime.relation)
        yield "since", show_moment(regime.first_seen), f"last seen {show_moment(regime.last_seen)}"
        yield "requests", show_count(regime.requests), f"{share} of those of this model and provider"

    def _list_sums(self) -> Iterator[Section]:
        title = "Cost" if self.upstream is None else "Cost at the service (its fee for your own key)"
        yield make_sum(title, self.charge, "total_cost")
        if self.upstream is not None:
            yield make_sum("Cost at the provider (BYOK)", self.upstream, "upstream_inference_cost")

    def _describe_caching(self) -> Iterator[tuple[str, ...]]:
        saved, without = self.saved_usd, self.cost_without_cache
        if saved is None:
            yield ("no saving or cost is reported, which is not zero",)
            return
        effect = "saved" if saved >= 0 else "cost in addition"
        share = format_value(float(abs(saved) / without), Unit.SHARE) if without else GAP
        yield effect, show_usd(abs(saved)), f"{share} of the cost without caching, {show_usd(without)}"
        for meter, words in ((Meter.CACHE_READ, "by reads"), (Meter.CACHE_WRITE, "by writes")):
            for line in self._priced.lines:
                if line.meter is meter and line.usd is not None and line.list_usd is not None:
                    difference = line.list_usd - line.usd
                    verb = "saved" if difference >= 0 else "cost in addition"
                    yield words, show_usd(abs(difference)), verb

    def _compare(self) -> Iterator[tuple[str, ...]]:
        if self.comparisons:
            yield "", "this one", "median of the model", "ratio", ""
        for one in self.comparisons:
            ratio = one.value / one.median if one.value is not None and one.median else None
            cells = (format_value(one.value, one.unit), format_value(one.median, one.unit))
            yield one.label, *cells, format_value(ratio, Unit.RATIO), f"of {one.known:,}"
        if self.session is not None:
            share, cost = format_value(self.session.cost_share, Unit.SHARE), self.session.cost_usd
            place = f"{show_count(self.session.position)} of {self.session.requests:,}"
            yield "in its session", place, format_value(cost, Unit.USD), share, "place, cost of the session, share"


def _list_tokens(tokens: Tokens) -> Iterator[tuple[str, str]]:
    yield "prompt", show_count(tokens.prompt)
    yield "- read from the cache", show_count(tokens.cached)
    yield "- written to the cache", show_count(tokens.written)
    yield "completion", show_count(tokens.completion)
    yield "- reasoning", show_count(tokens.reasoning)


def _bill_to_json(bill: Bill | None) -> dict[str, Any] | None:
    if bill is None:
        return None
    lines = [
        {"meter": line.meter.value, "quantity": line.quantity, "price": line.price, "usd": line.usd}
        for line in bill.lines
    ]
    return {"lines": lines, "total": bill.total, "saved": bill.saved}


def _to_plain(value: object) -> Any:  # noqa: ANN401 - of any type that JSON has
    if isinstance(value, Mapping):
        return {str(name): _to_plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_to_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {field.name: _to_plain(getattr(value, field.name)) for field in fields(value)}
    return hide_api_keys(value) if isinstance(value, str) else value

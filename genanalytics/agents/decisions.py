"""The tools that help to decide: waste, what_if, forecast, recommend."""

from itertools import chain
from typing import get_args

from genanalytics.agents.answer import WIDTH, Answer, format_rows
from genanalytics.agents.arguments import Argument
from genanalytics.agents.kept import Query
from genanalytics.agents.tool import WHERE, Tool
from genanalytics.decide.advice.recommend import recommend
from genanalytics.decide.budget.daily import Cost
from genanalytics.decide.budget.forecast import forecast
from genanalytics.decide.elsewhere.what_if import Caching, what_if
from genanalytics.decide.losses.waste import WITHIN_S, waste
from genanalytics.errors import InputError
from genanalytics.tables.notes import list_notices
from genanalytics.tables.recommendations import format_recommendations
from genanalytics.tables.waste import (
    COLUMNS as COLUMNS_OF_WASTE,
    choose_judged,
    conclude_waste,
    list_advice,
    list_gaps,
)
from genanalytics.tables.what_if import COLUMNS, choose_names, conclude_what_if, list_conditions

_ALTERNATIVES = 20


def answer_waste(query: Query, *, within_s: float = WITHIN_S) -> Answer:
    """Return what was paid for nothing, by class."""
    found = waste(query.data, within_s=within_s)
    judged = choose_judged(found)
    table = format_rows(judged, ["class"], COLUMNS_OF_WASTE) if len(judged) else []
    notes = [*list_gaps(found), *list_notices(found), *query.notices]
    return Answer([*conclude_waste(found)], [*table, "", *chain(*list_advice(judged))], notes)


def answer_what_if(
    query: Query,
    *,
    to_model: str | None = None,
    to_provider: str | None = None,
    batch: float | None = None,
    caching: Caching = "as seen",
) -> Answer:
    """Return what the same requests would have cost elsewhere, at recovered prices."""
    given = {"model": to_model, "provider_name": to_provider, "batch": batch}
    target = {name: value for name, value in given.items() if value is not None}
    if batch is not None and len(target) > 1:
        msg = "batch is at the present model and provider: leave out to_model and to_provider"
        raise InputError(msg)
    found = what_if(query.data, to=target or None, caching=caching, reference=query.everything)
    answered = found[found["refused"].isna()]
    table = format_rows(answered, choose_names(answered), COLUMNS, limit=_ALTERNATIVES) if len(answered) else []
    conditions = [line for heading, lines in list_conditions(found).items() for line in ("", heading, *lines)]
    return Answer([conclude_what_if(found)], [*table, *conditions], [*list_notices(found), *query.notices])


def answer_forecast(
    query: Query,
    *,
    until: str = "month",
    since: str | None = None,
    budget: float | None = None,
    cost: Cost = "effective_cost",
) -> Answer:
    """Return what the current period will cost."""
    found = forecast(query.data, until=until, since=since, budget=budget, tz=query.tz, cost=cost)
    first, *rest = str(found).split("\n")
    return Answer([first], rest, query.notices)


def answer_recommend(query: Query) -> Answer:
    """Return what to do first, ranked by US$ a month."""
    found = recommend(query.data, tz=query.tz)
    text = format_recommendations(found, paths=query.paths, width=WIDTH)
    return Answer((), text.split("\n"), query.notices)


DECISIONS = (
    Tool(
        "waste",
        "What was paid for nothing?",
        "US$ and time lost by class (cancelled, errors, truncated, unread cache writes, lost caches, surcharges, ...)."
        " Each class is certain, an upper bound, or only suspected; no dollar is in two classes.",
        answer_waste,
        (Argument("within_s", "number", "Suspect requests like another one up to this many seconds before.", least=0),),
    ),
    Tool(
        "what_if",
        "What would the same requests have cost elsewhere?",
        "Without to_model, to_provider and batch: at every other provider of the same model. Prices are those in the"
        " records. Costs are bounds (at least, at most) where caching or tokens may differ. Another model gives other"
        " answers, so its cost is no saving.",
        answer_what_if,
        (
            Argument("to_model", "text", "Compare with this model, which must be in the records."),
            Argument("to_provider", "text", "Compare with this provider, as provider_name in the records."),
            Argument("batch", "number", "Compare with a batch at this share of present prices, such as 0.5.", least=0),
            Argument("caching", "text", "What the prompt cache would do.", choices=get_args(Caching)),
        ),
    ),
    Tool(
        "forecast",
        "What will this month cost, and is the budget enough?",
        "US$ of the current month or week with 80 % and 95 % bands, by day, and the chance to exceed a budget. Needs"
        " three full weeks of records; otherwise a sentence says why there is none.",
        answer_forecast,
        (
            Argument("until", "text", "End with the current week or month (default), or on a day such as 2026-10-31."),
            Argument("since", "text", "Begin the period on this day, such as 2026-10-01."),
            Argument("budget", "number", "The budget of the period in US$.", least=0),
            Argument("cost", "text", "The cost to forecast.", choices=get_args(Cost)),
        ),
        choice=(WHERE,),
    ),
    Tool(
        "recommend",
        "What should be done first about the cost?",
        "At most seven actions ranked by US$ a month with an interval, each with evidence, risk, and the commands that"
        " show the details and later whether it worked. Needs 14 days of records. The amounts can overlap.",
        answer_recommend,
    ),
)

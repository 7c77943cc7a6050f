"""What a tool is: a question about records, with its arguments and the function that answers it."""

from collections.abc import Callable
from dataclasses import dataclass

from genanalytics.agents.answer import MOST_ROWS, Answer
from genanalytics.agents.arguments import Argument

WHERE = Argument(
    "where",
    "texts",
    "Keep the records that meet all of these conditions, such as ['model=openai/gpt-5'], ['total_cost>=0.1 and not"
    " model ~ mini'], ['hour in (9, 10)'] or ['origin is null']. Columns: see the tool overview.",
)
CHOICE = (
    WHERE,
    Argument("since", "text", "Keep records from this time on: 2026-09-01, 2026-09-01T12:00, yesterday or 7d (ago)."),
    Argument("until", "text", "Keep records before this time, in the same forms."),
    Argument("last", "text", "Keep the last full day, week or month; or an age such as 7d, up to now."),
    Argument("period", "text", "Keep this day, week or month, up to now.", choices=("day", "week", "month")),
)
"""The arguments that choose records."""
TIMES = tuple(argument.name for argument in CHOICE if argument is not WHERE)
BY = Argument(
    "by",
    "names",
    "Group by these columns, such as ['model'] or ['provider_name', 'day']. Derived columns: day, hour (0 to 23),"
    " weekday (1 is Monday), model_family.",
)
LIMIT = Argument("limit", "integer", "Show at most this many rows.", least=1, most=MOST_ROWS)


@dataclass(frozen=True, slots=True)
class Tool:
    """A question about records.

    Attributes:
        name: Its name.
        title: The question.
        meaning: What the answer contains, and when to ask, for the agent.
        answer: The function: it takes a `Query`, and the arguments by name.
        own: Its own arguments.
        choice: The arguments that choose records.
    """

    name: str
    title: str
    meaning: str
    answer: Callable[..., Answer]
    own: tuple[Argument, ...] = ()
    choice: tuple[Argument, ...] = CHOICE

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """All of its arguments."""
        return (*self.own, *self.choice)

import pickle
from collections import Counter
from html.parser import HTMLParser

import pandas as pd
import pytest

from genanalytics import FetchResult, Stats
from genanalytics.fetching.answers import Outcome

HOSTILE = "<script>alert(1)</script> $x$ \u202egpj.exe\x1b[31m " + "é" * 10_000


def failures(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["requested_id", "outcome", "message"], dtype="str")


def what_came(failed: pd.DataFrame, *, ok: int = 3, notices: tuple[str, ...] = ()) -> FetchResult:
    outcomes = Counter(["ok"] * ok + failed["outcome"].tolist())
    stats = Stats(
        requested=ok + len(failed) + 2,
        distinct=ok + len(failed),
        outcomes=dict(outcomes.most_common()),
        requests=1_204,
        from_cache=17,
        not_stored=0,
        seconds=4.25,
        notices=notices,
    )
    return FetchResult(pd.DataFrame({"model": ["a"] * ok}), failed, stats)


FAILED = failures(
    ("gen-1", "pending", "no record yet"), ("two words", "invalid", "white space"), ("a b", "invalid", "white space")
)


class Page(HTMLParser):
    """What a browser would make of a page: its tags, its cells, its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def test_its_repr_is_one_line_with_what_came_and_where_to_look() -> None:
    assert repr(what_came(failures())) == (
        "<FetchResult 3 ids (2 duplicates left out): 3 ok (1,204 requests, 17 from the cache, 4.2 s)>"
    )
    assert repr(what_came(FAILED)) == (
        "<FetchResult 6 ids (2 duplicates left out): 3 ok, 2 invalid, 1 pending (1,204 requests, 17 from the cache,"
        " 4.2 s); explain() says what to do about the failures>"
    )


def test_a_notebook_shows_what_came_what_did_not_and_what_to_do() -> None:
    page = Page(what_came(FAILED, notices=("the cache is read only",))._repr_html_())
    assert page.open == []
    for told in (
        "3 of 6 ids (50.0 %)",
        "1,204",
        "17",
        "4.25 s",
        "2",
        "3 ids without a record",
        "two words",
        Outcome.INVALID.meaning,
        Outcome.PENDING.next_step,
        "The cache is read only.",
    ):
        assert told in page.cells


def test_the_page_is_in_the_colors_of_the_page_around_it_and_brings_nothing_along() -> None:
    page = Page(what_came(FAILED, notices=("told",))._repr_html_())
    assert page.tags <= {"div", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "ul", "li"}
    assert page.attributes == {"class", "style"}
    shown = what_came(FAILED)._repr_html_()
    assert "color" not in shown
    assert "background" not in shown
    assert 'class="tex2jax_ignore mathjax_ignore"' in shown


def test_nothing_but_what_came_is_shown_where_nothing_failed() -> None:
    page = Page(what_came(failures())._repr_html_())
    assert "details" not in page.tags
    assert "3 of 3 ids (100.0 %)" in page.cells


def test_a_fetch_of_nothing_is_shown_too() -> None:
    assert "0 of 0 ids" in Page(what_came(failures(), ok=0)._repr_html_()).cells


def test_strangers_text_is_shown_harmless_and_short() -> None:
    fetched = what_came(failures(*[(HOSTILE, "failed", HOSTILE)] * 1_000), notices=(HOSTILE,))
    shown = fetched._repr_html_()
    assert "<script>" not in shown
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "the first 5 of 1,000 ids without a record" in shown
    assert len(shown) < 8_000


def test_failures_explain_themselves_the_commonest_first() -> None:
    told = what_came(FAILED).explain()
    assert told.dtypes.astype("str").to_dict() == {
        "outcome": "str",
        "ids": "Int64",
        "meaning": "str",
        "next_step": "str",
        "example": "str",
    }
    assert told[["outcome", "ids", "example"]].to_numpy().tolist() == [
        ["invalid", 2, "two words"],
        ["pending", 1, "gen-1"],
    ]
    assert told["next_step"].tolist() == [Outcome.INVALID.next_step, Outcome.PENDING.next_step]


def test_where_nothing_failed_the_explanation_has_its_columns_and_no_row() -> None:
    told, empty = what_came(FAILED).explain(), what_came(failures()).explain()
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == told.dtypes.to_dict()


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_says_what_it_means_and_what_to_do(outcome: Outcome) -> None:
    assert outcome.meaning
    assert bool(outcome.next_step) == (outcome is not Outcome.OK)


def test_using_it_as_a_frame_is_an_error_that_names_the_frame() -> None:
    with pytest.raises(AttributeError, match=r"FetchResult has no 'groupby': the records are in \.frame"):
        what_came(FAILED).groupby("model")  # type: ignore[attr-defined]


def test_it_can_be_pickled() -> None:
    back = pickle.loads(pickle.dumps(what_came(FAILED)))  # noqa: S301 - our own
    assert back.stats == what_came(FAILED).stats
    assert back.failures.equals(FAILED)

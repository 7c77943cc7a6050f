"""Rows as a table in Markdown and HTML."""

import re

import pandas as pd

from genanalytics.records.coverage import COVERAGE, Coverage
from genanalytics.tables.markup import encode_html, encode_markdown
from genanalytics.tables.notes import list_notices
from genanalytics.tables.table import Table

HOSTILE = "a|b*c*\n<script>alert(1)</script>[x](https://example.org) www.example.org @all"
ROWS = pd.DataFrame(
    {
        "model": pd.array([HOSTILE, None], dtype="str"),
        "effective_cost": pd.array([12.5, None], dtype="Float64"),
        "effective_cost_low": pd.array([12.0, None], dtype="Float64"),
        "effective_cost_high": pd.array([13.0, None], dtype="Float64"),
    }
)
ROWS.attrs = {
    "units": dict.fromkeys(list(ROWS)[1:], "US$"),
    "labels": dict.fromkeys(list(ROWS)[1:], "cost"),
    "notices": ["a <b>notice</b> of *others*"],
    COVERAGE: Coverage.of(["gen-1"], found=3).to_json(),
}
TABLE = Table(
    summary=ROWS,
    by=["model"],
    names=["effective_cost"],
    total=pd.DataFrame({"effective_cost": [12.5]}),
    at_least={"effective_cost"},
    notes=list_notices(ROWS),
)


def test_markdown_shows_labels_units_intervals_and_notes() -> None:
    lines = encode_markdown(TABLE).splitlines()
    assert lines[0] == "| model | cost | 95 % interval |"
    assert lines[1] == "| --- | ---: | ---: |"
    assert lines[2].endswith(r"| \$12.50 | \$12.00 to \$13.00 |")
    assert lines[3] == "| – | – | – |"
    assert lines[4].startswith(r"| total | ≥ \$12.50 |")
    assert lines[5] == ""
    assert lines[6].startswith("Coverage: 75.0 %")
    assert lines[-1] == r"A \<b\>notice\</b\> of \*others\*."


def test_markdown_of_strangers_has_no_mark_no_tag_and_no_link() -> None:
    text = encode_markdown(TABLE).splitlines()[2]
    assert r"a\|b\*c\*\\n\<script\>alert(1)\</script\>\[x\](https\://example.org) www\.example.org \@all" in text
    assert len(re.findall(r"(?<!\\)\|", text)) == 4


def test_html_is_one_page_without_script_or_external_parts() -> None:
    page = encode_html(TABLE)
    assert page.startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "A &lt;b&gt;notice&lt;/b&gt;" in page
    assert not re.search(r"(src|href)=", page)
    assert "$12.00 to $13.00" in page

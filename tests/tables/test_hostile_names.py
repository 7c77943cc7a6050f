"""In no form of a table a name of a stranger turns text around, moves a cursor or cannot be seen."""

from io import BytesIO
from zipfile import ZipFile

import pandas as pd
from hypothesis import example, given, settings

from genanalytics.report.page import clean
from genanalytics.tables.markup import encode_html, encode_markdown
from genanalytics.tables.table import table
from genanalytics.tables.workbook import encode_workbook
from support.hostile import UNSEEN, names


@settings(max_examples=30)
@given(names)
@example("".join(sorted(UNSEEN)))
def test_no_form_of_a_table_contains_a_character_that_is_not_seen(name: str) -> None:
    rows = pd.DataFrame({"model": [name, "b"], f"figure {name}": [1.5, 2.5], "word": ["x", name]})
    shown = table(rows)
    forms = [repr(shown), shown._repr_html_(), encode_markdown(shown), encode_html(shown), clean(name)]
    with ZipFile(BytesIO(encode_workbook(rows))) as book:
        forms += [book.read(part).decode() for part in book.namelist()]
    assert [sorted(UNSEEN.intersection(form)) for form in forms] == [[]] * len(forms)
    assert not {"\r", "\t"}.intersection("".join(forms[:5]))


def test_the_names_stay_apart() -> None:
    rows = pd.DataFrame({"model": ["", " ", "a", "a ", "a\u200b", "\u202ea"], "requests": range(6)})
    rows.attrs = {"units": {"requests": "count"}, "labels": {"requests": "requests"}}
    (models, _), _ = table(rows, total=False).lay_out()
    assert models.cells == ['""', '" "', "a", '"a "', r"a\u200b", r"\u202ea"]

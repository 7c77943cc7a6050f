"""Tables of labels: how files, frames and dicts are read, and which keys are equal."""

import gzip
import math
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genanalytics.decide.labelling.label_table import LabelTable, convert_keys, read_labels
from genanalytics.errors import InputError


def read_csv(tmp_path: Path, text: str | bytes, on: str | None = None) -> LabelTable:
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_labels(path, on, None)


def columns_of(table: LabelTable) -> dict[str, list[Any]]:
    return {name: values.to_pylist() for name, values in table.columns.items()}


def test_a_column_of_csv_is_a_number_only_if_every_cell_is(tmp_path: Path) -> None:
    text = "user,seats,price,zip,hash,paid,empty\n007,12,1.5,01234,1e5,TRUE,\nb,-3,2,90210,12,false,\n"
    table = read_csv(tmp_path, text)
    assert table.header == "user"
    assert table.keys.to_pylist() == ["007", "b"]
    assert columns_of(table) == {
        "seats": [12, -3],
        "price": [1.5, 2.0],
        "zip": ["01234", "90210"],
        "hash": ["1e5", "12"],
        "paid": [True, False],
        "empty": [None, None],
    }


def test_different_cells_of_csv_stay_different(tmp_path: Path) -> None:
    long = ["10000000000000000001", "10000000000000000002"]
    versions = ["1.10", "1.1"]
    precise = ["0.30000000000000004", "0.300000000000000041"]
    cells = {
        "long": long,
        "version": versions,
        "precise": precise,
        "zero": ["-0", "0"],
        "mixed": [long[0], "0.5"],
        "one": ["1.0", "1"],
    }
    assert columns_of(read_csv(tmp_path, write_csv(cells))) == cells
    numbers = {
        "whole": ["-999999999999999999", "0"],
        "score": ["0.30000000000000004", "-0.00001"],
        "part": ["1.5", "2"],
        "tenth": ["1.0", "0.7"],
    }
    assert columns_of(read_csv(tmp_path, write_csv(numbers))) == {
        "whole": [-999999999999999999, 0],
        "score": [0.30000000000000004, -0.00001],
        "part": [1.5, 2.0],
        "tenth": [1.0, 0.7],
    }
    assert columns_of(read_csv(tmp_path, "user,revenue\na,1.10\nb,2.00\n")) == {"revenue": [1.1, 2.0]}


def write_csv(cells: dict[str, list[str]]) -> str:
    rows = zip(["user", "a", "b"], *([name, *values] for name, values in cells.items()), strict=True)
    return "".join(",".join(row) + "\n" for row in rows)


def test_an_empty_cell_is_a_gap_and_a_quoted_one_is_text(tmp_path: Path) -> None:
    table = read_csv(tmp_path, 'user,team\na,""\n,x\n"",\n')
    assert table.keys.to_pylist() == ["a", None, ""]
    assert columns_of(table) == {"team": ["", "x", None]}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_line_breaks_and_marks_of_windows(tmp_path: Path, delimiter: str) -> None:
    text = f'\ufeffuser{delimiter}team\r\na{delimiter}"one, two\nthree"\r\n'
    table = read_csv(tmp_path, text)
    assert (table.header, table.keys.to_pylist()) == ("user", ["a"])
    assert columns_of(table) == {"team": ["one, two\nthree"]}
    assert columns_of(read_csv(tmp_path, text.encode("utf-16"))) == {"team": ["one, two\nthree"]}
    assert columns_of(read_csv(tmp_path, gzip.compress(text.encode()))) == {"team": ["one, two\nthree"]}


def test_the_key_is_the_column_of_that_name_or_the_first_one(tmp_path: Path) -> None:
    text = "team,external_user\nx,a\n"
    assert read_csv(tmp_path, text, "external_user").keys.to_pylist() == ["a"]
    assert read_csv(tmp_path, text, "session_id").keys.to_pylist() == ["x"]


@pytest.mark.parametrize("written", ["1", "true", "TRUE", "yes", "Yes"])
def test_a_success_is_true_yes_or_1(tmp_path: Path, written: str) -> None:
    assert columns_of(read_csv(tmp_path, f"id,success\na,{written}\nb,\nc,0\n")) == {"success": [True, None, False]}


def test_a_success_in_a_frame_is_a_boolean_or_0_or_1() -> None:
    for given in ([True, None, False], [1, None, 0], [1.0, np.nan, 0.0], ["yes", None, "no"]):
        frame = pd.DataFrame({"id": ["a", "b", "c"], "success": given})
        assert columns_of(read_labels(frame, None, None)) == {"success": [True, None, False]}


def test_a_frame_of_any_package_and_a_parquet_file_are_read(tmp_path: Path) -> None:
    arrow = pa.table({"user": [1, 2], "team": pa.array(["x", None]).dictionary_encode(), "revenue": [1, 2]})
    pq.write_table(arrow, tmp_path / "labels.parquet")
    expected = {"team": ["x", None], "revenue": [1.0, 2.0]}
    givens: list[Any] = [arrow, arrow.to_pandas(), pl.from_arrow(arrow), tmp_path / "labels.parquet"]
    for given in givens:
        table = read_labels(given, None, None)
        assert table.keys.to_pylist() == [1, 2]
        assert columns_of(table) == expected


def test_a_dict_has_a_named_label() -> None:
    table = read_labels({"a": "x", "b": pd.NA}, None, "team")
    assert (table.keys.to_pylist(), columns_of(table)) == (["a", "b"], {"team": ["x", None]})
    assert columns_of(read_labels({"a": 1, "b": None}, None, "seats")) == {"seats": [1, None]}


def test_a_number_and_its_text_are_one_key() -> None:
    texts = pa.chunked_array([["17", "017", "17.0", "17.5", "x", "", None, "9" * 30]])
    assert convert_keys(texts, nw.Int64()) == [17, 17, 17, None, None, None, None, None]
    assert convert_keys(texts, nw.Float64())[:4] == [17.0, 17.0, 17.0, None]
    assert convert_keys(texts, nw.String())[:3] == ["17", "017", "17.0"]
    assert convert_keys(pa.chunked_array([[17.0, None]]), nw.String()) == ["17", None]
    assert convert_keys(pa.chunked_array([[17, None]]), nw.String()) == ["17", None]


def test_keys_of_a_frame_that_are_nan_are_missing() -> None:
    for keys in ([1.0, np.nan], pd.array([1, pd.NA], dtype="Int64")):
        table = read_labels(pd.DataFrame({"user": keys, "team": ["a", "b"]}), None, None)
        assert convert_keys(table.keys, nw.String()) == ["1", None]
    assert read_labels(pl.DataFrame({"user": [1.0, float("nan")], "team": ["a", "b"]}), None, None).keys.null_count == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user\na\n", "only the column 'user'"),
        ("", "it is empty"),
        ("user,team,team\na,b,c\n", "two columns of the labels are named 'team'"),
        ("user,day\na,b\n", "a label cannot be named 'day', which is computed"),
        ("user,outcomes\na,1\n", "a label cannot be named 'outcomes', which is made of 'success'"),
        ("user,\na,1\n", "a label cannot be named '', which is no name"),
        ("user,success\na,maybe\n", "'success' is 'maybe' in a row: give true or false, yes or no, 1 or 0"),
        ("user,success\na,0.7\n", "'success' is '0.7' in a row"),
        ("user,revenue\na,$5\n", r"'revenue' is '\$5' in a row: give an amount in US\$"),
        ("user,revenue\na,nan\n", "'revenue' is 'nan' in a row"),
        (f"user,revenue\na,1{'0' * 400}\n", "'revenue' is '1000.* in a row: give an amount in US"),
        ("user,app_id\na,x\n", "the labels 'app_id' hold string, they should hold int64"),
        ("user,team\na,b,c\n", "cannot read .*labels.csv"),
        (b"user,team\na,\xff\n", "cannot read .*labels.csv"),
        (b"PK\x03\x04\0\0\0", "it is neither CSV nor Parquet"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_csv(tmp_path, text)


@pytest.mark.parametrize(
    ("labels", "name", "message"),
    [
        ({"a": "x"}, None, "a dict needs the name of its label"),
        ("labels.csv", "team", "names the label of a dict"),
        ({"a": "x", 1: "y"}, "team", "'key' hold values of several types"),
        ({"a": [1]}, "team", "the labels 'team' hold list"),
        ({"a": True}, "revenue", "'revenue' is true or false"),
        ({"a": 10**18 + 1}, "revenue", "'revenue' is 1000000000000000001 in a row: give an amount in US"),
        ({"a": -1e16}, "revenue", "'revenue' is -1e.16 in a row: give an amount in US"),
        ({"a": math.inf}, "revenue", "'revenue' is infinite in a row"),
        ({"a": 1.0, "b": -math.inf}, "score", "'score' is infinite in a row"),
        ({"a": "x"}, 5, "name=5 is no text: give the name of the label"),
        ({"a": 0.5}, "success", "'success' is 0.5 in a row"),
        (3, None, "labels are a builtins.int: give the path of a CSV or Parquet file"),
        (pd.DataFrame({"a": ["x"]}), None, "only the column 'a'"),
        (pd.DataFrame(), None, "the labels have no column"),
    ],
)
def test_what_is_no_table_of_labels_is_refused(labels: Any, name: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(InputError, match=message):
        read_labels(labels, None, name)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"cannot read nowhere\.csv: No such file"):
        read_labels("nowhere.csv", None, None)


def test_text_stays_text_in_a_column_of_text(tmp_path: Path) -> None:
    """A label can fill in a field of the record that the client did not send."""
    assert columns_of(read_csv(tmp_path, "requested_id,session_id\na,007\n")) == {"session_id": ["007"]}
    assert columns_of(read_csv(tmp_path, "requested_id,session_id\na,7\n")) == {"session_id": ["7"]}

"""The service's activity export becomes the same typed frame, each figure exactly the file's."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, strategies as st
from pandas.testing import assert_frame_equal

from genanalytics.base.content import open_content
from genanalytics.errors import InputError
from genanalytics.files import read, read_parquet, write, write_parquet
from genanalytics.metrics import summarize
from genanalytics.records.exported import COLUMN_OF, ONLY_EXPORTED
from genanalytics.records.frame import drift
from genanalytics.records.joining import join_frames
from genanalytics.records.schema import BY_NAME, COLUMNS
from genanalytics.service.activity import is_activity, read_activity

READ = {
    "generation_id": "gen-1790000000-AbCdEfGhIjKlMnOpQr01",
    "created_at": "2026-09-21 13:33:20.189",
    "cost_total": "0.001641",
    "cost_web_search": "",
    "cost_cache": "-0.006331",
    "cost_file_processing": "",
    "byok_usage_inference": "0",
    "tokens_prompt": "35985",
    "tokens_completion": "647",
    "tokens_reasoning": "12",
    "tokens_cached": "35351",
    "model_permaslug": "maker/model-20260709",
    "provider_name": "Provider, Inc.",
    "variant": "standard",
    "cancelled": "false",
    "streamed": "true",
    "user": "",
    "finish_reason_raw": "completed",
    "finish_reason_normalized": "stop",
    "generation_time_ms": "9722",
    "time_to_first_token_ms": "2954",
    "app_name": 'An "agent"',
    "api_key_name": "sample",
    "api_key_disabled": "false",
}
WRITTEN = READ | {
    "generation_id": "gen-1790000009-AbCdEfGhIjKlMnOpQr02",
    "created_at": "2026-09-21 13:33:29.747",
    "cost_total": "0.003787",
    "cost_cache": "0.00073",
    "tokens_cached": "0",
}
OWN_KEY = READ | {
    "generation_id": "gen-1790000019-AbCdEfGhIjKlMnOpQr03",
    "cost_total": "0.000153",
    "cost_cache": "",
    "byok_usage_inference": "0.00306",
    "cancelled": "true",
    "finish_reason_raw": "",
    "finish_reason_normalized": "",
}
ROWS = [READ, WRITTEN, OWN_KEY]


def export(rows: Sequence[Mapping[str, str]], names: Sequence[str] = tuple(READ)) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "activity.csv", export(ROWS))


def test_a_row_is_a_record_with_its_names_signs_and_units(path: Path) -> None:
    row = read_activity(path).iloc[0]
    assert row.dropna().to_dict() == {
        "requested_id": "gen-1790000000-AbCdEfGhIjKlMnOpQr01",
        "id": "gen-1790000000-AbCdEfGhIjKlMnOpQr01",
        "created_at": pd.Timestamp("2026-09-21 13:33:20.189", tz="UTC"),
        "total_cost": 0.001641,
        "cache_discount": 0.006331,
        "upstream_inference_cost": 0.0,
        "native_tokens_prompt": 35985,
        "native_tokens_completion": 647,
        "native_tokens_reasoning": 12,
        "native_tokens_cached": 35351,
        "model": "maker/model-20260709",
        "provider_name": "Provider, Inc.",
        "cancelled": False,
        "streamed": True,
        "native_finish_reason": "completed",
        "finish_reason": "stop",
        "generation_time": 9722,
        "latency": 2954,
        "variant": "standard",
        "app_name": 'An "agent"',
        "api_key_name": "sample",
        "api_key_disabled": False,
        "source": "activity",
    }


def test_every_column_of_an_export_is_a_column_of_the_frame(tmp_path: Path) -> None:
    fees = {"cost_web_search": "0.02", "cost_file_processing": "0.003", "user": "customer-7"}
    row = read_activity(written(tmp_path / "a.csv", export([READ | fees]))).iloc[0]
    assert row["extra"] is None or pd.isna(row["extra"])
    assert {name: row[name] for name in fees} == {
        "cost_web_search": 0.02,
        "cost_file_processing": 0.003,
        "user": "customer-7",
    }
    assert set(READ) == {*COLUMN_OF, *ONLY_EXPORTED}


@pytest.mark.parametrize("name", ["a.parquet", "a.duckdb", "a.arrow"])
def test_files_keep_the_columns_of_exports(tmp_path: Path, path: Path, name: str) -> None:
    if name.endswith(".duckdb"):
        pytest.importorskip("duckdb", reason="duckdb is an extra")
    frame = read_activity(path)
    write(frame, tmp_path / name)
    back = read(tmp_path / name).sort_values("requested_id", ignore_index=True)
    assert_frame_equal(back, frame.sort_values("requested_id", ignore_index=True))


def test_records_and_exports_together_are_grouped_by_a_column_of_exports(path: Path) -> None:
    frame = read_activity(path)
    records = frame[[column.name for column in COLUMNS]].assign(requested_id=["gen-a", "gen-b", "gen-c"])
    groups = summarize(join_frames([records, frame]), by="api_key_name", metrics="effective_cost")
    assert dict(zip(groups["api_key_name"].fillna("none"), groups["requests"], strict=True)) == {"sample": 3, "none": 3}


def test_the_frame_is_that_of_a_fetch_and_says_where_it_comes_from(path: Path) -> None:
    frame = read_activity(path)
    assert frame.columns.tolist() == [*(column.name for column in COLUMNS), *ONLY_EXPORTED, "source"]
    declared = [*COLUMNS, *ONLY_EXPORTED.values()]
    assert [str(frame[one.name].dtype) for one in declared] == [one.kind.pandas_dtype for one in declared]
    assert set(COLUMN_OF.values()) <= set(BY_NAME)


def test_a_write_to_the_cache_is_a_negative_discount_and_nothing_reported_is_a_gap(path: Path) -> None:
    discounts = read_activity(path)["cache_discount"]
    assert discounts[:2].tolist() == [0.006331, -0.00073]
    assert discounts.isna().tolist() == [False, False, True]


def test_what_the_users_own_key_paid_is_known_by_its_amount(path: Path) -> None:
    frame = read_activity(path)
    assert frame["is_byok"].isna().tolist() == [True, True, False]
    assert frame["is_byok"][2]
    total = summarize(frame).iloc[0]
    assert total["effective_cost"] == pytest.approx(0.001641 + 0.003787 + 0.000153 + 0.00306, abs=1e-12)
    assert total["cost_unknown"] == 0


def test_columns_stand_in_any_order_and_any_of_them_may_be_missing(tmp_path: Path) -> None:
    names = ["new", "cost_total", "generation_id"]
    content = b"\xef\xbb\xbf" + export([READ | {"new": "x"}], names).replace(b"\n", b"\r\n")
    frame = read_activity(written(tmp_path / "other.csv", content))
    assert frame.iloc[0].dropna().to_dict() == {
        "requested_id": READ["generation_id"],
        "id": READ["generation_id"],
        "total_cost": 0.001641,
        "extra": '{"new":"x"}',
        "source": "activity",
    }


def test_a_value_that_does_not_fit_is_kept_verbatim_under_the_name_in_the_export(tmp_path: Path) -> None:
    odd = {
        "cost_cache": "-0,5", "tokens_prompt": "12.5", "tokens_completion": "12.0", "cancelled": "TRUE",
        "streamed": "perhaps", "created_at": "yesterday", "cost_total": "0.10000000000000000001",
        "cost_web_search": "0,5", "api_key_disabled": "maybe",
        "byok_usage_inference": "1e-7", "latency": "7", "generation_time_ms": "1e400", "time_to_first_token_ms": "[1]",
    }  # fmt: skip
    frame = read_activity(written(tmp_path / "odd.csv", export([READ | odd], [*READ, "latency"])))
    row = frame.iloc[0]
    gaps = ["cache_discount", "streamed", "created_at", "generation_time", "latency"]
    assert row[gaps].isna().all()
    assert (row["native_tokens_prompt"], row["native_tokens_completion"], row["cancelled"]) == (12, 12, True)
    assert (row["total_cost"], row["upstream_inference_cost"]) == (0.1, 1e-7)
    extra = json.loads(row["extra"])
    assert {name: extra[name] for name in odd if name in extra} == {
        name: odd[name] for name in odd if name not in {"tokens_completion", "cancelled", "byok_usage_inference"}
    }
    assert "cost_cache" in drift(frame)["field"].tolist()


def test_several_exports_are_one_frame_with_each_generation_once(tmp_path: Path) -> None:
    first = written(tmp_path / "july.csv", export([READ, WRITTEN]))
    second = written(
        tmp_path / "august.csv.gz", gzip.compress(export([WRITTEN | {"cost_total": "0.9"}, OWN_KEY, OWN_KEY]))
    )
    frame = read_activity([first, str(second)])
    assert frame["requested_id"].tolist() == [row["generation_id"] for row in ROWS]
    assert frame["total_cost"].tolist() == [0.001641, 0.9, 0.000153]
    assert frame.index.tolist() == [0, 1, 2]


def test_rows_without_an_id_are_kept(tmp_path: Path) -> None:
    frame = read_activity(written(tmp_path / "a.csv", export([READ | {"generation_id": ""}] * 2)))
    assert len(frame) == 2
    assert frame["requested_id"].isna().all()


def test_an_export_without_rows_is_an_empty_frame(tmp_path: Path) -> None:
    frame = read_activity(written(tmp_path / "a.csv", export([])))
    assert len(frame) == 0
    assert str(frame["total_cost"].dtype) == "Float64"


def test_it_is_a_parquet_file_and_the_same_frame_again(path: Path, tmp_path: Path) -> None:
    frame = read_activity(path)
    write_parquet(frame, tmp_path / "out.parquet")
    by_creation = frame.sort_values("created_at", kind="stable", ignore_index=True)
    assert_frame_equal(read_parquet(tmp_path / "out.parquet"), by_creation)


MICRO = st.integers(-(10**12), 10**12)


@given(st.lists(st.tuples(MICRO, st.none() | MICRO), min_size=1, max_size=30))
def test_sums_are_those_of_the_file_to_the_micro_dollar(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[tuple[int, int | None]]
) -> None:
    rows = [
        {
            "generation_id": f"gen-{place}",
            "cost_total": str(Decimal(total).scaleb(-6)),
            "cost_cache": "" if cache is None else f"{Decimal(cache).scaleb(-6):f}",
        }
        for place, (total, cache) in enumerate(amounts)
    ]
    path = tmp_path_factory.getbasetemp() / "sums.csv"
    path.write_bytes(export(rows, ["cost_cache", "generation_id", "cost_total"]))
    frame = read_activity(path)
    assert [round(cost * 1e6) for cost in frame["total_cost"]] == [total for total, _ in amounts]
    closed = frame["total_cost"] + frame["cache_discount"].fillna(0.0)
    assert [round(cost * 1e6) for cost in closed] == [total - (cache or 0) for total, cache in amounts]
    assert frame["extra"].isna().all()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "cost_total": st.decimals(-1000, 1000, places=6).map(str) | st.sampled_from(["-0", "1e-7", "007", "-0.5"]),
            "cost_cache": st.decimals(-1000, 1000, places=3).map(str) | st.sampled_from(["", "-0", "0"]),
            "tokens_prompt": st.integers(-(10**18), 10**18).map(str) | st.sampled_from(["007", "-0"]),
            "cancelled": st.sampled_from(["true", "false", ""]),
            "created_at": st.datetimes().map(lambda moment: moment.isoformat(" "))
            | st.sampled_from(
                ["2026-02-30 00:00:00", "2026-01-01 24:00:00", "2026-01-01 23:59:60", "0000-01-01 00:00:00"]
            ),
        },
    )
)
def test_both_ways_of_reading_a_column_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "ways.csv"
    path.write_bytes(export([READ | fields]))
    at_once = read_activity(path)
    odd = dict.fromkeys(("cost_total", "cost_cache", "tokens_prompt", "cancelled", "created_at"), "odd")
    path.write_bytes(export([READ | fields, READ | odd | {"generation_id": "gen-odd"}]))
    assert_frame_equal(at_once, read_activity(path)[:1])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not an activity export: it has no header; download the export of your activity as CSV"),
        (b"\n\n", "is not an activity export: it has no header; download"),
        (b"generation_id,usage\n", "its header 'generation_id, usage' lacks cost_total; download"),
        (
            b"id,cost\ngen-1,0.5\n",
            "is not an activity export: its header 'id, cost' lacks cost_total and generation_id; download the export",
        ),
        (b"generation_id,cost_total,cost_total\n", "has two columns with the name cost_total: remove one of them"),
        (b"generation_id,cost_total\ngen-1\n", "CSV parse error: Expected 2 columns, got 1"),
        (b"generation_id,cost_total\ngen-\xff,0.5\n", "invalid UTF8 data"),
        (gzip.compress(export(ROWS))[:-10], "Compressed file ended"),
    ],
)
def test_a_file_that_is_not_an_export_is_refused_in_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = written(tmp_path / "a.csv", content)
    with pytest.raises(InputError) as refused:
        read_activity(path)
    assert str(path) in str(refused.value)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_path_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no activity export: give one or more paths"):
        read_activity([])
    with pytest.raises(InputError, match=r"cannot read .*: No such file or directory"):
        read_activity(tmp_path / "missing.csv")


@given(
    st.sampled_from([b"", b"generation_id,cost_total,cancelled,created_at\n"]),
    st.binary(max_size=60)
    | st.lists(st.sampled_from([",", "\n", '"', "gen-1", "0.5", "NaN", "null", "[", "9" * 30, "\r", "é", "\0"])).map(
        lambda parts: "".join(parts).encode()
    ),
)
def test_any_content_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, head: bytes, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(head + content)
    sentence = "none"
    try:
        frame = read_activity(path)
    except InputError as error:
        sentence = str(error)
    else:
        assert frame["source"].eq("activity").all()
        with open_content(path) as opened:
            assert is_activity(opened)
    assert "\n" not in sentence

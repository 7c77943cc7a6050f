"""The activity export of the sample is one that the service could have written."""

import json
from pathlib import Path

from genanalytics.records.frame import drift, parse_frame
from genanalytics.records.parse import Row
from genanalytics.sandbox import activity_csv, sample
from genanalytics.service.activity import read_activity
from genanalytics.service.reconcile import reconcile
from support.paths import TESTS
from support.scripts import load


def test_its_activity_export_agrees_with_its_records(tmp_path: Path) -> None:
    month = sample(3_000)
    (tmp_path / "activity.csv").write_text(activity_csv(month.records.values()), encoding="utf-8")
    answers = [Row(name, json.dumps({"data": record}).encode(), 1.8e9) for name, record in month.records.items()]
    exported = read_activity(tmp_path / "activity.csv")
    assert reconcile(parse_frame(answers), exported).agrees
    assert exported["created_at"].is_monotonic_decreasing
    assert set(drift(exported)["what"]) == {"unknown"}, "every value fits its column"


def test_its_activity_export_has_the_columns_of_a_real_one() -> None:
    a_real_row = load(TESTS / "service" / "test_activity.py").READ
    assert activity_csv([]).strip().split(",") == list(a_real_row)

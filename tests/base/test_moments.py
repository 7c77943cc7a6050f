from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from genanalytics.base.moments import to_utc


@pytest.mark.parametrize(
    ("moment", "utc"),
    [
        (datetime(2026, 9, 1, 12), datetime(2026, 9, 1, 12, tzinfo=UTC)),  # noqa: DTZ001 - no zone means UTC
        (datetime(2026, 9, 1, 12, tzinfo=UTC), datetime(2026, 9, 1, 12, tzinfo=UTC)),
        (datetime(2026, 9, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo")), datetime(2026, 8, 31, 16, tzinfo=UTC)),
        (datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (
            datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
            datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_moment_is_converted_and_one_without_a_zone_is_utc(moment: datetime, utc: datetime) -> None:
    assert to_utc(moment) == utc
    assert to_utc(moment).tzinfo is UTC


def test_a_moment_that_utc_cannot_express_is_an_overflow() -> None:
    with pytest.raises(OverflowError):
        to_utc(datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))))

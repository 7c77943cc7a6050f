"""Moments in time."""

from datetime import UTC, datetime


def to_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; one without a zone is taken as UTC.

    >>> to_utc(datetime.fromisoformat("2026-09-01T12:00+02:00")).isoformat()
    '2026-09-01T10:00:00+00:00'
    """
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

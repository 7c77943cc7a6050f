"""Numbers in JSON of the service, which come as numbers or as texts."""

_LARGEST = 10**15


def read_number(value: object) -> float | None:
    """Return a number that may come as a text; None for anything else.

    >>> read_number("12"), read_number(0.5), read_number("1e400"), read_number(True), read_number("x")
    (12.0, 0.5, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= _LARGEST else None

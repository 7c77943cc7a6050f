"""Ids in bytes that arrive in pieces of any size."""

from genanalytics.ids.form import LONGEST_MATCH, PATTERN


class GrowingSearch:
    """A search for ids in bytes that arrive one after another.

    An id at the very end may continue in the next piece: it is found once a character follows it, or at the end.

    >>> search = GrowingSearch()
    >>> search.feed(b'{"id":"gen-1756000000-AbCdEfGhIj'), search.feed(b"KlMnOpQrSt"), search.feed(b'"}')
    ([], [], ['gen-1756000000-AbCdEfGhIjKlMnOpQrSt'])
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, piece: bytes) -> list[str]:
        """Return the ids that are complete with this piece."""
        text = self._rest + piece.decode("latin-1")  # any bytes are Latin-1, and ids are ASCII
        ids, end = [], 0
        for match in PATTERN.finditer(text):
            if match.end() < len(text):
                ids.append(match[0])
                end = match.end()
        self._rest = text[max(end, len(text) - LONGEST_MATCH) :]
        return ids

    def finish(self) -> list[str]:
        """Return the id at the end of the bytes, if there is one; the next piece is the start of others."""
        found = [match[0] for match in PATTERN.finditer(self._rest)]
        self._rest = ""
        return found

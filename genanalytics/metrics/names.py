"""Names of columns that neither narwhals nor an engine takes for syntax.

For some of them, `*` is all columns, `a.b` a field of a structure, and `^a$` a pattern, even in quotation marks.
"""

import re


def make_plain(name: str) -> str:
    """Return a name with every character escaped but letters, digits, `_` and blanks; different names stay different.

    >>> make_plain("model"), make_plain("*"), make_plain("a.b"), make_plain("")
    ('model', '<2a>', 'a<2e>b', '<>')
    """
    return re.sub(r"[^\w ]", lambda found: f"<{ord(found[0]):x}>", name) or "<>"


def name_clean(column: str) -> str:
    """Return the name under which the steps of `Source.extend` read a column of the data.

    >>> name_clean("total_cost")
    'clean total_cost'
    """
    return f"clean {make_plain(column)}"

"""What people write into a cell that has no value: told of, since it would be an answer."""

NO_VALUES = frozenset(
    {
        *("\\n", "-", "--", "?", ".", "..", ":", "n/a", "na", "null", "none", "nil", "nan"),
        *("#n/a", "#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!", "(null)", "<null>"),
        *("tbd", "tba", "unknown", "not available", "0000-00-00"),
    }
)
"""In lower case."""

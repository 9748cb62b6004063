"""Codes: every visible character counts, its case too ('Co' is a carbonyl, 'CO' is Colombia)."""

from collections.abc import Mapping

from warehouse.values.texts import visible


class Code:
    """Values that name things by convention: ISO codes, tickers, part numbers."""

    def key(self, value: str) -> str:
        """Return the code in NFKC, stripped, without what is unseen; nothing left: as given."""
        return visible(value) or value

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Return every key itself."""
        return {key: key for key in num_claims}

    def support(self, key: str, other: str) -> float:
        """Return 1 for the key itself, 0 for any other."""
        return float(key == other)

"""Plain texts: compared by their normal form."""

from collections.abc import Mapping

from warehouse.normal import normal_form


class Text:
    """Values that are words."""

    def key(self, value: str) -> str:
        """Give the normal form."""
        return normal_form(value)

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Give every key itself."""
        return {key: key for key in num_claims}

    def support(self, key: str, other: str) -> float:
        """Give 1 for the key itself, 0 for any other."""
        return float(key == other)

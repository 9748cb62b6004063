"""Plain values with names, as they lie in a file of a home and as programs read them."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Told(BaseModel):
    """Plain values with names; what is told besides stays with them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def told(self) -> dict[str, Any]:
        """Return what was said, and no default, as it stands in a file."""
        return self.model_dump(mode="json", exclude_unset=True)

"""Users' own tables: a small TOML mapping says which columns hold which claim field."""

from warehouse.sources.mapping import Mapping, load_mapping
from warehouse.sources.select import read_source
from warehouse.sources.views import Field

__all__ = ["Field", "Mapping", "load_mapping", "read_source"]

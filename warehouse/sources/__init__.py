"""Users' own tables: a small TOML mapping says which columns hold which claim fields."""

from warehouse.sources.mapping import Field, Mapping, load_mapping
from warehouse.sources.select import read_source

__all__ = ["Field", "Mapping", "load_mapping", "read_source"]

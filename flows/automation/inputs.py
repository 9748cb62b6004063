"""Look at what a run is given before it starts: mappings, tables, golden set, backbone."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.automation.source_states import named_sources
from flows.serving.golden_set import read_golden
from warehouse.sources import load_mapping
from warehouse.sources.files import find_files

if TYPE_CHECKING:
    from flows.configuration.settings import Settings


_NO_FILE = ("delta", "postgresql")


def check_inputs(settings: "Settings") -> None:
    """Refuse in words what a run would fail on after its servers are up; read no table whole.

    Raises:
        MappingError: a mapping cannot be used, or two have one name.
        SourceError: a table is not where its mapping says.
        SettingsError: no tokenizer can be loaded for the backbone, or the golden set is none.
    """
    for file in named_sources(settings).values():
        mapping = load_mapping(Path(file))
        if mapping.format not in _NO_FILE and not mapping.options.is_url:
            find_files(mapping)
    if settings.gate.golden:
        read_golden(Path(settings.gate.golden))
    if settings.backbone != "embedded":
        from flows.environment import apply_environment

        apply_environment(settings.home.path)
        from flows.planning.tokens import answer_counter

        answer_counter(settings.backbone)

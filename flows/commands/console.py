"""Rich's console for results: the markup is ours, all other text is shown as it is."""

from typing import Any

import rich.console
from rich.text import Text

from flows.terminal import visible


class Console(rich.console.Console):  # noqa: TID251
    """Shows what a terminal would obey."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)

    def on_broken_pipe(self) -> None:
        # Rich would end the program with exit code 1, as if something had gone wrong.
        raise BrokenPipeError

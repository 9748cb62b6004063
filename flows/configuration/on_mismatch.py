"""What is answered where the text that memory said and the table disagree."""

from typing import Literal, get_args

OnMismatch = Literal["refuse", "table", "say"]
"""`refuse`: a sentence that names both; `table`: the table's value; `say`: what memory said."""
WAYS: tuple[OnMismatch, ...] = get_args(OnMismatch)

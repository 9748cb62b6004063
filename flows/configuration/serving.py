"""How much the champion takes at once from whoever asks it over HTTP."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Bounds of what is served; a prompt beyond them gets an error, those beside it an answer."""

    max_prompts: int = 1000
    """Prompts of one request that are answered: the first ones."""
    max_prompt_tokens: int = 4096
    """Tokens of one prompt, a chat template's included; a prefill of so many takes a second."""
    max_seconds: float = 50.0
    """After so long no further prompt of a request is begun; MLflow gives up after 60."""
    max_request_bytes: int = 16 * 2**20
    """Of `lamini endpoint`, which reads no more of a request."""
    max_new_tokens: int = 1024
    """Tokens that one chat completion may write."""
    max_waiting: int = 64
    """Chat completions that may be at work at once; further ones are told to come again."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise ValueError(f"{name}={value} must be positive")

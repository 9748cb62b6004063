"""What lamini raises. Every message says what was given, what was wanted, and what to try."""


class LaminiError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(LaminiError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""


class BackboneError(LaminiError):
    """The backbone cannot be found, is not a causal LM, or has a shape we cannot attach to."""


class AttachError(LaminiError):
    """The memory layers could not be put onto (or taken off) the backbone."""


class EncodingError(LaminiError, ValueError):
    """A prompt or an answer cannot be encoded: empty, or longer than the limit."""


class ChatTemplateError(EncodingError):
    """The backbone's chat template fails, or does not end in time."""


class BankError(LaminiError):
    """The bank lacks what was asked of it, or was given experts that do not fit it."""


class CheckpointError(LaminiError):
    """A checkpoint folder is incomplete, damaged, or does not fit the backbone."""


class ExportError(LaminiError):
    """Experts cannot be written in another system's form for this backbone or these prompts."""


class NonFiniteLossError(LaminiError, FloatingPointError):
    """A training loss is not a number; nothing was written over the last saved state."""


class ModeError(LaminiError, ValueError):
    """A way of reading memory that this checkpoint or its facts do not allow."""

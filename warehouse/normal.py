"""The normal form in which subjects, relations, values and questions are compared.

NFC, stripped, runs of white space as one space: the normalisation of recall. Case is kept, since
subjects may be codes ('Co' is a carbonyl, 'CO' is Colombia). The SQL macro `normal_form` says the
same; a test holds them equal.
"""

import unicodedata


def normal_form(text: str) -> str:
    """Return `text` in normal form."""
    return " ".join(unicodedata.normalize("NFC", text).split())

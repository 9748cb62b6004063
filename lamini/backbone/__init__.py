"""The frozen model: load it, see it as trunk, stack and head, add experts at its top, encode text.

Others take `Backbone` and `load_backbone` (backbone), `attach`, `detach` and `Attached` (memory),
`Reading` (experts), the encoding of prompts and answers (text), states of texts (trunk).
"""

"""What is kept to be compared with; nothing else of the package uses it.

Others take `tune_shared` (shared_tuning): the paper's own mode, experts that facts share.
"""

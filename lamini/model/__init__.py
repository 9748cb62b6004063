"""The model as users meet it: load, ask, generate, know where an answer came from.

Others take `MemoryModel` and `Answer` (memory_model), `load` (loading).
"""

"""The model as users meet it: load, ask, generate, know where an answer came from.

Others take `MemoryModel` (memory_model), `Answer` (answer), `load` (loading).
"""

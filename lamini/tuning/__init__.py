"""How a fact's experts are made: gradient steps on shifts until each answer token is near certain.

Others take `tune_memory` (memory_tuning), `load_shard` (shards), `capacity_of` (capacity).
"""

"""Bring a checkpoint up to the facts as they are now, touching nothing else.

Others take `update`, `update_model` and `forecast_update` (update), `build_successor` (successor).
"""

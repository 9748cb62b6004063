"""Which group a prompt reads, by a learned query and product keys: trained once, then frozen.

Others take `pretrain_router` (training), `FrozenRouter` (frozen_router), `Route` (group_keys).
"""

"""The folder that loads alone: write it, link it, write it anew, tell which facts it holds.

Others take `build_checkpoint` and `read_manifest` (checkpoint), `rewrite_checkpoint` (rewriting),
`held_facts` (held_facts, which needs no torch).
"""

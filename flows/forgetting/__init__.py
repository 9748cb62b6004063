"""Forget facts on request, purge them from every file, and remove what is over."""

"""The commands of `lamini`, and how their results are shown to people."""

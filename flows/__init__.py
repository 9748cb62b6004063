"""The program: thin Prefect flows over lamini and warehouse, their services, the command line."""

DISTRIBUTION = "memory-tuning"
"""What the packages are installed as."""

"""The servers of a home as child processes, and whether this machine can run it all."""

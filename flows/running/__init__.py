"""The state of runs on a home: one at a time, what each left, what was cut off."""

"""What is pending, and whether and how a run would train it."""

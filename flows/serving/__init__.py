"""The champion over HTTP: bounded prompts in, answers with their provenance out."""

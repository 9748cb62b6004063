"""The embedded backbone: a tiny Llama that ships with the package, and how it was made."""

"""What a home is: its paths, its champion, what runs left, and who works on it."""

"""Facts in running text: the backbone writes, and says what memory holds where it comes to it."""

"""Which fact a prompt asks for, in people's words: who it is about, what is asked, whether."""

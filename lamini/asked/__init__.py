"""Which fact a prompt asks for, in people's own words: who it is about x what is asked x whether."""

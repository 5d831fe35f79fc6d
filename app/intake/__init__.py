"""Files on their way into the library: what is in them, and which readings they get."""

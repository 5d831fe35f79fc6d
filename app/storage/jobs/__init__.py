"""Work that goes on in the background and is stored, so that it survives a restart."""

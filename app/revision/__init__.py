"""A new version of a document: what of it is read, what changed, and what readers keep."""

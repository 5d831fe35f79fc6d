"""`bench citations`: from a citation to the marked sentence, right page and time."""

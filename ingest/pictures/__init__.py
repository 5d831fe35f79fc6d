"""Pages of PDFs as pictures, with the places of their letters, so that a sentence can be marked."""

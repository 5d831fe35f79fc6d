"""What stands at the edges of a PDF's pages: running heads, running feet, page numbers."""

"""What a page of a PDF draws: its characters by PDFium, and from their places its lines."""

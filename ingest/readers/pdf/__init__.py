"""PDF files: text and its places by PDFium, structure by pypdf."""

from ingest.readers.pdf.document import read_pdf

__all__ = ["read_pdf"]

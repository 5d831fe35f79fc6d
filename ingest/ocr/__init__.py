"""Recognising the text on pictures of pages; needs the extra `ocr`."""

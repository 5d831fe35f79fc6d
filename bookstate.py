"""Read a book once, keep its memory state, ask as often as you like.

from bookstate import Library, read_settings

library = Library(read_settings())
document = library.add(file.read_bytes(), file.name).document
stream = library.ask(document.id, "Who found the letter?")
print("".join(stream))
"""

from app.library import Library
from app.settings import Settings, read_settings

__all__ = ["Library", "Settings", "read_settings"]

"""The read tab: the text and the pages of the open document, and what is kept of them."""

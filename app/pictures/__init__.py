"""The pages of a document's PDF files as pictures, with the words of a citation marked."""

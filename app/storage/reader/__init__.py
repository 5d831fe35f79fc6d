"""What readers of documents leave behind: their place, and what they deleted a moment ago."""

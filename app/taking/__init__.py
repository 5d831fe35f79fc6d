"""What a person takes along: chats, summaries, people and the notebook, as files."""

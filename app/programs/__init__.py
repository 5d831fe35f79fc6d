"""Other people's programs: the OpenAI API and MCP, on the port and behind the door of the page."""

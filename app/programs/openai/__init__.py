"""The part of OpenAI's API that chat programs use."""

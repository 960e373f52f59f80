"""The wire format of OpenAI's chat completions, for any client that speaks it (docs/api.md, "Chat")."""

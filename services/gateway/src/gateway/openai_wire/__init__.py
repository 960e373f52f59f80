"""The wire format of OpenAI's chat completions, for any client that speaks it (spec/api.md, "Chat")."""

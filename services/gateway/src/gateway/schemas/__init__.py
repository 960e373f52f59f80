"""The public shapes: what a request may hold, with every bound of docs/api.md, "Limits", and what an answer holds."""

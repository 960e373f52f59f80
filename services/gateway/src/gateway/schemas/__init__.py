"""The public shapes: what a request may hold, with every bound of spec/limits.md, and what an answer holds."""

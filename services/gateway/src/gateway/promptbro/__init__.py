"""PromptBro, the guide for writing prompts (docs/api.md, "PromptBro")."""

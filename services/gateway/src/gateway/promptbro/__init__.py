"""PromptBro, the guide for writing prompts (spec/api.md, "PromptBro")."""

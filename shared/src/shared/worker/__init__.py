"""What the three workers (orchestrator, llm-runner, summarizer) have in common: each is a FastStream application."""

"""Who takes part: stored agents, and participants with their models."""

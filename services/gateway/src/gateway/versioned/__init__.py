"""What is kept in versions: agents and prompt templates."""

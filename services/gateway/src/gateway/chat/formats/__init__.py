"""The formats a chat's answer is written in."""

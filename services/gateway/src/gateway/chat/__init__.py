"""Chats: answers that somebody waits for, in the words of several clients (docs/protocol.md section 9)."""

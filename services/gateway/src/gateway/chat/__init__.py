"""Chats: answers that somebody waits for, in the words of several clients (spec/turn-protocol.md section 9)."""

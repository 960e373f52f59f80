"""Plain generations: one question, one answer, kept for an hour (docs/protocol.md section 9).

PromptBro, /api/llm and /v1 ask differently and show differently; between that they are the same.
"""

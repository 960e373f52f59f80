"""How long a test may take: one that hangs is to fail, and to show where it stood."""

import asyncio
import functools
import inspect

import pytest

TEST_SECONDS = 240
"""The longest test takes about a minute. What this cannot end pytest-timeout does, a minute later (pyproject.toml)."""


def limit(item: pytest.Item) -> None:
    """Cancels a coroutine test after `TEST_SECONDS`: its traceback is the line that it waited at."""
    if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
        return
    test = item.obj

    @functools.wraps(test)
    async def limited(*arguments: object, **fixtures: object) -> None:
        async with asyncio.timeout(TEST_SECONDS):
            await test(*arguments, **fixtures)

    item.obj = limited

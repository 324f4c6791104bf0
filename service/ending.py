"""Tasks are brought to their end."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_AFTER_S = 0.5


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel until all are done, whatever they answer: now and then redis-py swallows a cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_AFTER_S)
    await asyncio.gather(*tasks, return_exceptions=True)

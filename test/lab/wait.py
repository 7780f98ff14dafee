"""Waiting for a condition that nothing announces."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

Value = TypeVar("Value")


def until(ask: Callable[[], Value | None], limit: float, what: str, every: float = 0.1) -> Value:
    """Ask again and again until the answer is true, and return it; TimeoutError after ``limit`` seconds."""
    end = time.monotonic() + limit
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {limit:.0f} s")
        time.sleep(every)

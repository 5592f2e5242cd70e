"""A loop that skips waiting: its time advances to the next timer when no callback is ready."""

import asyncio
import selectors


class SkippingSelector(selectors.SelectSelector):
    """Advances the time of the loop instead of waiting, and records each advance."""

    def __init__(self) -> None:
        super().__init__()
        self.now_at = 1000.0
        self.woken_at: list[float] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.now_at += timeout
            self.woken_at.append(self.now_at - 1000.0)
        return super().select(0)


class FastLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = SkippingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_at

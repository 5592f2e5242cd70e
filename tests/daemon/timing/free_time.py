"""A loop whose time only moves when nobody has anything to do."""

import asyncio
import selectors


class FreeTime(selectors.SelectSelector):
    """Does not wait but lets the loop's time pass, and counts how often."""

    def __init__(self) -> None:
        super().__init__()
        self.now_at = 1000.0
        self.woken_at: list[float] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.now_at += timeout
            self.woken_at.append(self.now_at - 1000.0)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.free_time = FreeTime()
        super().__init__(self.free_time)

    def time(self) -> float:
        return self.free_time.now_at

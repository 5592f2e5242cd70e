"""A fault of our own is told once for each kind, as soon as the log takes it."""

from dataclasses import dataclass, field

from hammerd.daemon.logging.error_reports import MOST_FAULTS, Faults


@dataclass
class Log:
    """Keeps errors, and takes none while it is full."""

    is_full: bool = False
    errors: list[dict[str, object]] = field(default_factory=list)

    def error(self, event: str, **fields: object) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.errors.append({"event": event, **fields})

    debug = info = warning = error

    def pairs(self) -> list[object]:
        return [each["pair"] for each in self.errors]


def test_kind_is_told_once_with_its_traceback() -> None:
    log = Log()
    faults = Faults(log)

    for pair in ("one", "two", "one"):
        assert faults.tell(pair, "pair.event_failed", LookupError("no key"), pair=pair)

    assert log.pairs() == ["one", "two"]
    assert "no key" in str(log.errors[0]["traceback"])


def test_what_a_full_log_did_not_take_is_told_once_it_does() -> None:
    log = Log(is_full=True)
    faults = Faults(log)

    told = [faults.tell(pair, "pair.event_failed", LookupError(), pair=pair) for pair in "aab"]
    faults.tell_rest()
    log.is_full = False
    faults.tell_rest()
    faults.tell_rest()

    assert told == [False, False, False]
    assert log.pairs() == ["a", "b"]


def test_kinds_without_end_are_not_kept() -> None:
    log = Log()
    faults = Faults(log)

    for number in range(MOST_FAULTS + 10):
        assert faults.tell(str(number), "pair.event_failed", LookupError(), pair=number)

    assert len(log.errors) == MOST_FAULTS

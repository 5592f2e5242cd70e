"""A fault of our own code is logged once for each kind, as soon as the log works."""

from dataclasses import dataclass, field

from hammerd.daemon.logging.error_reports import MOST_FAULTS, Faults


@dataclass
class Log:
    """Stores errors, and fails while it is full."""

    is_full: bool = False
    errors: list[dict[str, object]] = field(default_factory=list)

    def error(self, event: str, **fields: object) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.errors.append({"event": event, **fields})

    debug = info = warning = error

    def pairs(self) -> list[object]:
        return [each["pair"] for each in self.errors]


def test_kind_is_logged_once_with_its_traceback() -> None:
    log = Log()
    faults = Faults(log)

    for pair in ("one", "two", "one"):
        assert faults.report(pair, "pair.event_failed", LookupError("no key"), pair=pair)

    assert log.pairs() == ["one", "two"]
    assert "no key" in str(log.errors[0]["traceback"])


def test_fault_that_a_full_log_refused_is_logged_later() -> None:
    log = Log(is_full=True)
    faults = Faults(log)

    are_logged = [
        faults.report(pair, "pair.event_failed", LookupError(), pair=pair) for pair in "aab"
    ]
    faults.report_pending()
    log.is_full = False
    faults.report_pending()
    faults.report_pending()

    assert are_logged == [False, False, False]
    assert log.pairs() == ["a", "b"]


def test_number_of_kinds_is_bounded() -> None:
    log = Log()
    faults = Faults(log)

    for number in range(MOST_FAULTS + 10):
        assert faults.report(str(number), "pair.event_failed", LookupError(), pair=number)

    assert len(log.errors) == MOST_FAULTS

"""Rules that the values of every JSON answer keep."""

import re
from collections.abc import Iterator

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
TID = re.compile(r"0x[0-9a-f]{16}")


def leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Yield every value that is neither an object nor a list, by the name of its field."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, name)
    else:
        yield name, value


def is_promised(name: str, value: object) -> bool:
    """Return whether a value has the form that its name implies; null means unknown."""
    if value is None:
        return True
    if name.endswith("_time") or name == "time":
        return RFC_3339.fullmatch(str(value)) is not None
    if name.endswith("_tid"):
        return TID.fullmatch(str(value)) is not None
    return value not in ("", "-")

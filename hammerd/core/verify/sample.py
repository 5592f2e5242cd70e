"""Reads the option --sample: a share of all files, or about how many of them."""

import re
from dataclasses import dataclass

from hammerd.core.verify.request import MILLION

_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_COUNT = re.compile(r"[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Sample:
    """The share of files whose contents are read: `of_million` of each million, or `files`.

    `text` is as it was given.
    """

    of_million: int = MILLION
    files: int | None = None
    text: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the contents of all files are read."""
        return self.files is None and self.of_million >= MILLION

    def share_of(self, files: int) -> int:
        """Return the files of a million that are read, if there are so many files."""
        if self.files is None:
            return self.of_million
        return min(MILLION, -(-self.files * MILLION // max(files, 1)))


WHOLE = Sample()


def parse_sample(text: str) -> Sample:
    """Read `10%`, or `5000`.

    Raises:
        ValueError: it is neither a share up to 100 % nor a number of files.
    """
    if share := _SHARE.fullmatch(text.strip()):
        of_million = round(float(share[1]) * MILLION / 100)
        if 0 < of_million <= MILLION:
            return Sample(of_million, text=text)
    elif _COUNT.fullmatch(text.strip()):
        return Sample(MILLION, int(text), text)
    raise ValueError(f"{text}: say a share like 10%, or a number of files like 5000")

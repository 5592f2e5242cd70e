"""Makes a PNG small: its pixels become those of a palette of the most frequent colours."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 256


def shrink(png: bytes) -> bytes:
    """Return a PNG of 8 bits a sample, as Chromium writes it, with a palette."""
    chunks = dict(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    size = {2: 3, 6: 4}[kind]
    if depth != 8:
        raise ValueError(f"{depth} bits a sample")
    rows = list(_rows(zlib.decompress(chunks[b"IDAT"]), width * size, size))
    pixels = [[row[at : at + 3] for at in range(0, len(row), size)] for row in map(bytes, rows)]
    counts = Counter(pixel for row in pixels for pixel in row)
    palette = _palette(counts)
    index = {colour: _nearest(colour, palette) for colour in counts}
    data = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in pixels)
    return SIGNATURE + b"".join(
        _chunk(name, body)
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", b"".join(palette)),
            (b"IDAT", zlib.compress(data, 9)),
            (b"IEND", b""),
        )
    )


def _palette(counts: Counter[bytes]) -> list[bytes]:
    """Return the most frequent colours, of those that look alike only one."""
    chosen: dict[tuple[int, ...], bytes] = {}
    for colour, _ in counts.most_common():
        # A rare colour may be all there is of a line, so shades of it count as one.
        chosen.setdefault(tuple(value >> 4 for value in colour), colour)
        if len(chosen) == COLOURS:
            break
    exact = [colour for colour, _ in counts.most_common(COLOURS - len(chosen))]
    return list(dict.fromkeys([*chosen.values(), *exact]))


def _nearest(colour: bytes, palette: list[bytes]) -> int:
    def distance(index: int) -> int:
        red, green, blue = (one - other for one, other in zip(colour, palette[index], strict=True))
        return red * red * 2 + green * green * 4 + blue * blue

    return min(range(len(palette)), key=distance)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    found: dict[bytes, bytes] = {}
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name = png[at + 4 : at + 8]
        found[name] = found.get(name, b"") + png[at + 8 : at + 8 + length]
        at += length + 12
    yield from found.items()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _rows(data: bytes, length: int, size: int) -> Iterator[bytearray]:
    """Yield the rows of an image without their filters."""
    above = bytearray(length)
    for begin in range(0, len(data), length + 1):
        row = bytearray(data[begin + 1 : begin + 1 + length])
        _unfilter(data[begin], row, above, size)
        yield row
        above = row


def _unfilter(kind: int, row: bytearray, above: bytearray, size: int) -> None:
    for at in range(len(row)) if kind else ():
        left = row[at - size] if at >= size else 0
        corner = above[at - size] if at >= size else 0
        row[at] = (row[at] + _predicted(kind, left, above[at], corner)) & 0xFF


def _predicted(kind: int, left: int, above: int, corner: int) -> int:
    if kind < 4:
        return (0, left, above, (left + above) // 2)[kind]
    by_left, by_above = abs(above - corner), abs(left - corner)
    by_corner = abs(left + above - 2 * corner)
    if by_left <= by_above and by_left <= by_corner:
        return left
    return above if by_above <= by_corner else corner

"""mirror-read, mirror-read-stream and mirror-write run by hand or by ssh (HAMMER.md 7)."""

from __future__ import annotations

from hammerd.simulator import clock
from hammerd.simulator.utility.options import Options, leading_number, show_usage_and_end
from hammerd.simulator.utility.source_half import SourceHalf
from hammerd.simulator.utility.ssh_remote import check_path
from hammerd.simulator.utility.target_half import TargetHalf


def run(options: Options, command: str, words: list[str]) -> None:
    """Be one half on fd 0 and 1."""
    most = 1 if command == "mirror-write" else 2
    if not 1 <= len(words) <= most:
        show_usage_and_end("usage_mirror.txt", 1)
    check_path(options, words[0])
    if command == "mirror-write":
        clock.Role.name = "target"
        TargetHalf(options, words[0]).run()
    else:
        clock.Role.name = "source"
        is_streaming = command == "mirror-read-stream"
        begin_tid = leading_number(words[1]) % (1 << 64) if len(words) > 1 else None
        half = SourceHalf(options, words[0], is_streaming=is_streaming, begin_tid=begin_tid)
        half.run()

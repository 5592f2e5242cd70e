"""The commands mirror-copy and mirror-stream, and those that run one half.

See docs/hammer.md 4.1, 4.5.

The parent connects two halves by one pipe and ignores their exit status. It waits for the source
half first, then for the target half; a stream then prints "Lost Link", sleeps 15 s + delay and
starts again, whatever the reason.
"""

import gc
import os
from _socket import AF_UNIX, SO_RCVBUF, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET, socketpair

from hammerd.simulator.kernel.file_system.volume import find_file_system
from hammerd.simulator.runtime import clock
from hammerd.simulator.runtime.console import write_stderr
from hammerd.simulator.runtime.process import ignore_sigpipe, reset_signals, run_and_exit
from hammerd.simulator.utility.arguments.options import Options, exit_with_usage, number_and_suffix
from hammerd.simulator.utility.mirror import remote
from hammerd.simulator.utility.mirror.source_half import SourceHalf
from hammerd.simulator.utility.mirror.target_half import TargetHalf

PIPE_BYTES = 32 * 1024
RESTART_S = 15


def mirror(options: Options, words: list[str], *, is_streaming: bool) -> None:
    """Mirror words[0] to words[1], once or continuously."""
    if len(words) != 2:
        exit_with_usage("usage_mirror.txt", 1)
    options.two_way = True
    ignore_sigpipe()
    gc.collect()
    gc.freeze()  # a collector that walks objects would unshare the pages of three processes
    source, target = words
    while True:
        _run_halves(options, source, target, is_streaming=is_streaming)
        if not is_streaming:
            return
        if options.verbose:
            write_stderr("\nLost Link\n")
        clock.sleep(RESTART_S + options.delay_s, "restart")


def run_half(options: Options, command: str, words: list[str]) -> None:
    """Run mirror-read, mirror-read-stream or mirror-write on fd 0 and 1."""
    most_words = 1 if command == "mirror-write" else 2
    if not 1 <= len(words) <= most_words:
        exit_with_usage("usage_mirror.txt", 1)
    remote.check_path(options, words[0])
    if command == "mirror-write":
        clock.Role.name = "target"
        TargetHalf(options, words[0]).run()
    else:
        clock.Role.name = "source"
        is_streaming = command == "mirror-read-stream"
        begin_tid = number_and_suffix(words[1])[0] % (1 << 64) if len(words) > 1 else None
        half = SourceHalf(options, words[0], is_streaming=is_streaming, begin_tid=begin_tid)
        half.run()


def _run_halves(options: Options, source: str, target: str, *, is_streaming: bool) -> None:
    ours, theirs = _pipe()
    source_pid = _fork(source)
    if source_pid == 0:
        clock.Role.name = "source"
        _use_as_stdio(ours, theirs)
        run_and_exit(lambda: _source(options, source, is_streaming=is_streaming), 1)
    target_pid = _fork(source)
    if target_pid == 0:
        clock.Role.name = "target"
        _use_as_stdio(theirs, ours)
        run_and_exit(lambda: _target(options, target), 1)
    os.close(ours)
    os.close(theirs)
    _wait_for(source_pid)
    _wait_for(target_pid)


def _fork(source: str) -> int:
    """Fork, or return -1 if the knob `fork_fails` of the source's file system is set."""
    fs = find_file_system(os.path.realpath(source))
    return -1 if fs is not None and fs.is_set("fork_fails") else os.fork()


def _source(options: Options, path: str, *, is_streaming: bool) -> None:
    if ":" in path:
        command = "mirror-read-stream" if is_streaming else "mirror-read"
        remote.exec_remote(remote.arguments(options, path, command))
    SourceHalf(options, path, is_streaming=is_streaming).run()


def _target(options: Options, path: str) -> None:
    if ":" in path:
        remote.exec_remote(remote.arguments(options, path, "mirror-write"))
    TargetHalf(options, path).run()


def _pipe() -> tuple[int, int]:
    first, second = socketpair(AF_UNIX, SOCK_STREAM)
    for end in (first, second):
        end.setsockopt(SOL_SOCKET, SO_SNDBUF, PIPE_BYTES)
        end.setsockopt(SOL_SOCKET, SO_RCVBUF, PIPE_BYTES)
    return first.detach(), second.detach()


def _use_as_stdio(own: int, other: int) -> None:
    # As hammer does: if fd 0 or 1 was closed at the start, this closes the pipe itself.
    reset_signals()
    os.dup2(own, 0)
    os.dup2(own, 1)
    os.close(own)
    os.close(other)


def _wait_for(pid: int) -> None:
    # Without a child, after a failed fork or with SIGCHLD ignored on entry, hammer spins here.
    while True:
        try:
            if os.waitpid(pid, 0)[0] > 0:
                return
        except ChildProcessError:
            pass

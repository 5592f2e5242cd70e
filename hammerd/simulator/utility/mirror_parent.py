"""mirror-copy and mirror-stream: one pipe, two halves, and no look at how they ended.

The parent waits for the source half first, then for the target half; a stream then says
"Lost Link", sleeps 15 s + delay and starts over, whatever the reason (HAMMER.md 6).
"""

from __future__ import annotations

import gc
import os
from _socket import AF_UNIX, SO_RCVBUF, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET, socketpair

from hammerd.simulator import clock
from hammerd.simulator.console import complain
from hammerd.simulator.kernel.file_system import find_file_system
from hammerd.simulator.process import default_signals, finish, ignore_broken_pipes
from hammerd.simulator.utility import remote
from hammerd.simulator.utility.options import Options, show_usage_and_end
from hammerd.simulator.utility.source_half import SourceHalf
from hammerd.simulator.utility.target_half import TargetHalf

PIPE_BYTES = 32 * 1024
RESTART_S = 15


def mirror(options: Options, words: list[str], *, is_streaming: bool) -> None:
    """Mirror words[0] to words[1], once or for ever."""
    if len(words) != 2:
        show_usage_and_end("usage_mirror.txt", 1)
    options.two_way = True
    ignore_broken_pipes()
    gc.collect()
    gc.freeze()  # a collector that walks objects would unshare the pages of three processes
    source, target = words
    while True:
        _run_halves(options, source, target, is_streaming=is_streaming)
        if not is_streaming:
            return
        if options.verbose:
            complain("\nLost Link\n")
        clock.sleep(RESTART_S + options.delay_s, "restart")


def _run_halves(options: Options, source: str, target: str, *, is_streaming: bool) -> None:
    ours, theirs = _pipe()
    source_pid = _fork(source)
    if source_pid == 0:
        clock.Role.name = "source"
        _become_half(ours, theirs)
        finish(lambda: _source(options, source, is_streaming=is_streaming))
    target_pid = _fork(source)
    if target_pid == 0:
        clock.Role.name = "target"
        _become_half(theirs, ours)
        finish(lambda: _target(options, target))
    os.close(ours)
    os.close(theirs)
    _wait_for(source_pid)
    _wait_for(target_pid)


def _fork(source: str) -> int:
    """Fork, or return -1 where the knob `fork_fails` of the source's file system says so."""
    fs = find_file_system(os.path.realpath(source))
    return -1 if fs is not None and fs.is_set("fork_fails") else os.fork()


def _source(options: Options, path: str, *, is_streaming: bool) -> None:
    if ":" in path:
        command = "mirror-read-stream" if is_streaming else "mirror-read"
        remote.become(remote.arguments(options, path, command))
    SourceHalf(options, path, is_streaming=is_streaming).run()


def _target(options: Options, path: str) -> None:
    if ":" in path:
        remote.become(remote.arguments(options, path, "mirror-write"))
    TargetHalf(options, path).run()


def _pipe() -> tuple[int, int]:
    first, second = socketpair(AF_UNIX, SOCK_STREAM)
    for end in (first, second):
        end.setsockopt(SOL_SOCKET, SO_SNDBUF, PIPE_BYTES)
        end.setsockopt(SOL_SOCKET, SO_RCVBUF, PIPE_BYTES)
    return first.detach(), second.detach()


def _become_half(own: int, other: int) -> None:
    # As hammer does it: with fd 0 or 1 closed at the start this closes the pipe itself.
    default_signals()
    os.dup2(own, 0)
    os.dup2(own, 1)
    os.close(own)
    os.close(other)


def _wait_for(pid: int) -> None:
    # Without a child, because a fork failed or SIGCHLD was ignored on entry, hammer spins here.
    while True:
        try:
            if os.waitpid(pid, 0)[0] > 0:
                return
        except ChildProcessError:
            pass

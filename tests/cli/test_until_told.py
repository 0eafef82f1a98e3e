"""What ends a process that serves: a signal is heard whenever it comes, and whoever gets it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from hub.cli.processes import until_told


@pytest.fixture(autouse=True)
def _second() -> Iterator[None]:
    """A second signal would end us."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_signal_that_comes_before_the_wait_is_heard() -> None:
    with until_told() as told:
        signal.raise_signal(signal.SIGTERM)
        told.wait()


def test_a_signal_that_another_thread_gets_ends_the_wait() -> None:
    """The system chooses the thread that gets it; handlers run in the main one, once it wakes."""
    waits = threading.Event()

    def get() -> None:
        waits.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    other = threading.Thread(target=get)
    other.start()
    with until_told() as told:
        waits.set()
        told.wait()
    other.join()


def test_another_thread_can_tell_and_nobody_minds_when_it_is_late() -> None:
    with until_told() as told:
        other = threading.Thread(target=told.set)
        other.start()
        told.wait()
        other.join()
    told.set()


def test_afterwards_signals_are_as_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with until_told():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1

"""What Ctrl-C does: end the process at once, until there is something to leave in order.

While modules are imported, an exception would end in the middle of one, with a traceback.
"""

import atexit
import os
import signal
import sys
from types import FrameType

EXIT_INTERRUPTED = 130  # as shells say it


def exit_on_interrupt() -> None:
    """Make Ctrl-C end the process with one line and 130, until Python has run its exit handlers.

    After them the interpreter would restore the default action, which kills a command that has
    succeeded.
    """
    signal.signal(signal.SIGINT, _exit)
    atexit.unregister(_ignore)
    atexit.register(_ignore)


def raise_on_interrupt() -> None:
    """Make Ctrl-C raise KeyboardInterrupt, if it has ended the process until now."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = _exit_if_interrupted


def _ignore() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _exit(_signal: int, _frame: FrameType | None) -> None:
    os.write(2, b"\nticketing: stopped\n")
    os._exit(EXIT_INTERRUPTED)


def _exit_if_interrupted(unraisable: "sys.UnraisableHookArgs") -> None:
    """End the process when Python drops a KeyboardInterrupt, as in finalizers and C callbacks.

    The exception cannot be raised again from here, and the command would go on as if nobody had
    pressed Ctrl-C. Ending at once is safe: whatever runs survives a kill.
    """
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _exit(signal.SIGINT, None)
    sys.__unraisablehook__(unraisable)

"""How a job can fail, in a few words: the kinds that are tried again and those that are not."""

import signal
from typing import Literal

Kind = Literal["error", "died", "hung", "out of memory", "device", "lost"]
"""`error`: the job raised, and would again; `device`: a GPU that this process lost; `lost`: the
worker went with its place, as when a machine goes down or its time there is over; or none
could be started."""

_MEMORY = {"MemoryError", "OutOfMemoryError"}
_NO_MEMORY = "can't allocate memory"  # torch's plain RuntimeError on the processor
_LOST_DEVICE = "CUDA error"


def kind_of(error: BaseException) -> Kind:
    """Tell what an exception of a job means; by names, so that torch need not be imported."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _MEMORY or _NO_MEMORY in str(error):
        return "out of memory"
    if "AcceleratorError" in names or _LOST_DEVICE in str(error):
        return "device"
    return "error"


def death(exit_code: int | None) -> tuple[Kind, str]:
    """Tell how a process ended that nobody asked to (decision 147).

    Args:
        exit_code: minus the signal's number where a signal ended it; None where nobody is left to
            say it.
    """
    if exit_code is None:
        return "lost", "gone, with what had started it on its machine"
    if exit_code == -signal.SIGKILL:
        return "out of memory", "killed by signal 9, as the system does when memory runs out"
    if exit_code < 0:
        return "died", f"ended by {signal.Signals(-exit_code).name}"
    return "died", f"ended with exit code {exit_code}"

"""The blocking half: the same names as in `jump`, without `await`.

Every method waits where its namesake is awaited, without the interpreter's lock: other threads run on, and Ctrl-C ends the wait.
"""

from ._rep import Rep, connect, enrol, log_in
from ._screen import Clipboard, Keyboard, Mouse, Screen
from ._session import Session
from ._shell import Process, Shell
from ._site import Broker, Jumpoint
from ._tunnel import Listener, Stream, Tunnel

__all__ = [
    "Broker",
    "Clipboard",
    "Jumpoint",
    "Keyboard",
    "Listener",
    "Mouse",
    "Process",
    "Rep",
    "Screen",
    "Session",
    "Shell",
    "Stream",
    "Tunnel",
    "connect",
    "enrol",
    "log_in",
]

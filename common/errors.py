"""The one exception type a user ever sees."""


class UserError(Exception):
    """A mistake or a missing thing the user can do something about.

    The message is one line: what was wrong, where, and what to do. Tasks print it as ``error: ...`` and exit
    with a code other than 0; they never print a traceback for it.
    """

"""A clock for tests of what happens when time passes."""


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now

"""The one exception whose text is meant for a person."""


class HostError(Exception):
    """Something on the machine is not as asked. The message says what, why and how to mend it."""

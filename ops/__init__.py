"""Commands for a stack that is planned or deployed: ``./hearth COMMAND``.

Run from the project's directory, as ``hearth`` does: paths here are relative to it. A command is
one file in ``ops/commands``. Results go to stdout, progress and errors to stderr; the exit status
is 0 for fine, 1 for something wrong, 2 for bad usage.
"""

"""One file a command: a module here with a function ``command`` is ``./hearth <module>``."""

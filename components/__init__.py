"""Hearth: typed services, one plan, several runtimes."""

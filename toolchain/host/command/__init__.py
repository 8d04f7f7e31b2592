"""The stand-in for the official `command` plugin: `command:local:Command`."""

"""The stand-in for the official `docker` plugin, with the types that Hearth declares and their neighbours."""

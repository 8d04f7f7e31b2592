"""The stand-in for the official `docker` plugin: Container, Network, Volume and RemoteImage."""

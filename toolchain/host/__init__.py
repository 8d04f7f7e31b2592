"""The plugins that stand in for the official ones.

They run inside the project's virtual environment, each in a process of its own that the Pulumi engine
starts. Nothing here is used when the official plugins are installed.
"""

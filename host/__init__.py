"""Effects at the edge: what command resources execute on the machine.

``python -m host VERB ...`` reads one JSON document on stdin, prints one line of result on stdout
and its progress on stderr. Every verb is idempotent and may be killed at any moment: the next run
converges. Nothing here imports the plan or Pulumi, and nothing happens at import time.
"""

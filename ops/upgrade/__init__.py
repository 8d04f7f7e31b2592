"""Moving a stack to other versions, and back: previewed, backed up, health-gated, undone when it fails.

Whatever changes a deployment notes first what it would go back to. Who finds such a note, after a kill,
goes back before anything else.
"""

"""One rule a module, found by itself: ``look(patient)`` yields findings, without a problem where all is well.

``BEFORE_UP`` says what becomes of a problem before anything is deployed: ``refuse`` or ``warn``. A module
without it looks at what only a deployment makes.
"""

"""Tests of ``host``: real supervisors, a real Docker daemon, real kills."""

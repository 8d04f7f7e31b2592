"""Measurements of the platform beside its peers; `python -m benchmarks` rewrites docs/benchmarks.md."""

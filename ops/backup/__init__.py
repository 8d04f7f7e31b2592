"""Backups of a stack: take, keep, bring back, and prove that they can be brought back.

A backup is one restic snapshot with a manifest inside it: sizes and hashes of its files, and a tally of
what each holds. It counts once it was read back and found whole, which its tag ``complete`` says.
"""

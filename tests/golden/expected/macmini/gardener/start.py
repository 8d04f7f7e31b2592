"""test/gardener: written by Hearth; changes made here are replaced.

start.py SCRIPT [ARGUMENT...] or start.py -m MODULE [ARGUMENT...], in the program's own directory.

Secrets become variables inside this process only: the environment that it was started with, which
others may read, has no more than the names of files.
"""

import os
import runpy
import sys

SOURCE = "/var/lib/hearth/test/gardener/source/0000000000000000"
CONFIG = "/var/lib/hearth/test/gardener/config"
SECRETS = []

for name in SECRETS:
    with open(os.environ[f"{name}_FILE"], encoding="utf-8") as file:
        os.environ[name] = file.read().rstrip("\n")

os.chdir(SOURCE)
sys.path[:0] = [SOURCE, CONFIG]
words = sys.argv[1:]
if words[0] == "-m":
    sys.argv = words[1:]
    runpy.run_module(words[1], run_name="__main__", alter_sys=True)
else:
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")

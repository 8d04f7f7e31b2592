"""Secrets for programs that know no other place for them than their environment.

The environment that a process is started with is no place for a secret: it stands in units, in
``docker inspect`` and in the state, and its children get it. So the process is started without it, and its
interpreter reads the secrets from a file that only the service can read, before the program's first line.
What the program starts itself gets them as well, as far as it hands on its environment.

Python: https://docs.python.org/3/library/site.html#module-sitecustomize
Node.js: https://nodejs.org/api/cli.html#-r---require-module
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.applications import MIB
from components.context import Context
from components.rendering import render
from components.spec import ConfigFile, SecretRef


@dataclass(frozen=True, kw_only=True)
class Injection:
    """What a process needs to find its secrets: nothing in ``env`` is one."""

    env: Mapping[str, str]
    files: tuple[ConfigFile, ...]


def _files(
    context: Context, script: str, values: Mapping[str, str], secrets: Mapping[str, SecretRef]
) -> tuple[ConfigFile, ...]:
    path = context.secret_path("environment")
    return (
        ConfigFile(
            path=context.path(script), content=render(f"environment/{script}.j2", context=context, path=path)
        ),
        ConfigFile(
            path=path,
            content="".join(f"{name}={value}\n" for name, value in sorted(values.items())),
            secrets=secrets,
        ),
    )


def for_python(context: Context, values: Mapping[str, str], secrets: Mapping[str, SecretRef]) -> Injection:
    """Variables for a Python program: ``values`` with ``@@key@@`` where one of ``secrets`` belongs."""
    files = _files(context, "sitecustomize.py", values, secrets)
    return Injection(env={"PYTHONPATH": context.places.config}, files=files)


def for_node(context: Context, values: Mapping[str, str], secrets: Mapping[str, SecretRef]) -> Injection:
    """The same for a Node.js program, to be merged with ``node_heap`` by a space."""
    files = _files(context, "preload.js", values, secrets)
    return Injection(env={"NODE_OPTIONS": f"--require={files[0].path}"}, files=files)


def for_shell(context: Context, values: Mapping[str, str], secrets: Mapping[str, SecretRef]) -> Injection:
    """For a program of another kind, started as the words after ``sh`` and the first file.

    Its environment then holds the secrets, which root and its own account can read, as they can the file;
    the container's description, the unit and the state hold none.
    """
    return Injection(env={}, files=_files(context, "start.sh", values, secrets))


def node_heap(memory: int, share: float = 0.75) -> str:
    """The option by which Node.js collects garbage before ``share`` of ``memory`` bytes is taken."""
    return f"--max-old-space-size={int(memory * share) // MIB}"

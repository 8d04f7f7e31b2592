"""Secrets of a stack: each made once on the host, known to Pulumi as an encrypted output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pulumi
import pulumi_command

from components.commands import call, command
from components.facts import Renewed
from components.spec import ConfigFile, SecretRef


def fill(content: str, values: dict[str, str]) -> str:
    """``content`` with every ``@@key@@`` replaced."""
    for key, value in values.items():
        content = content.replace(f"@@{key}@@", value)
    return content


class SecretStore:
    """The secrets of one stack by name, created when first asked for.

    ``digest`` changes with the content of a file; ``data`` says where a service keeps a volume of its data;
    ``renewed`` are those that another value was made for.
    """

    def __init__(
        self,
        root: str,
        parent: pulumi.Resource,
        digest: Callable[[str], str | None] = lambda path: "",
        data: Callable[[str, str], tuple[str, str]] = lambda service, volume: ("--data", service),
        renewed: Mapping[str, Renewed] = {},
    ) -> None:
        self._root = root
        self._parent = parent
        self._digest = digest
        self._data = data
        self._renewed = renewed
        self._made: dict[str, pulumi_command.local.Command] = {}

    def made(self, ref: SecretRef) -> pulumi_command.local.Command:
        """The resource that exists once the secret does."""
        if ref.name not in self._made:
            words = ["secret", self._root, ref.name]
            if ref.kind != "password":
                words += ["--kind", ref.kind]
            if ref.source:
                words += ["--source", ref.source]
            if ref.guards:
                words += self._data(ref.guards, ref.volume)
            self._made[ref.name] = command(
                f"secret-{ref.name}",
                parent=self._parent,
                create=call(*words),
                generation=self._generation(ref),
                secret=True,
            )
        return self._made[ref.name]

    def _generation(self, ref: SecretRef) -> str | None:
        """What changes when the secret is to be read again; tells nothing of it."""
        if ref.source:
            # A file of the owner's is another when its content is, as a renewed certificate's.
            return self._digest(ref.source)
        known = self._renewed.get(ref.name)
        return str(known.count) if known else None

    def value(self, ref: SecretRef) -> pulumi.Output[str]:
        """The secret's text."""
        return pulumi.Output.secret(self.made(ref).stdout.apply(str.strip))

    def contents(self, files: Iterable[ConfigFile]) -> pulumi.Output[dict[str, str]]:
        """Path to content for the files that are made with secrets."""
        wanted = {
            file.path: pulumi.Output.all(**{key: self.value(ref) for key, ref in file.secrets.items()}).apply(
                lambda values, content=file.content: fill(content, values)
            )
            for file in files
        }
        return pulumi.Output.secret(pulumi.Output.all(**wanted))

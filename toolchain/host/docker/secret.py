"""`docker:index/secret:Secret`: a secret that Swarm keeps encrypted and gives to tasks as a file."""

import base64
import binascii

from toolchain.host.docker.client import Daemon, labels_of, missing, remove_once_free
from toolchain.host.docker.inputs import autoname, complete, difference, problems, result
from toolchain.host.docker.schema_swarm import SECRET
from toolchain.host.resource import CheckContext, DiffResult, OperationFailed, Properties, ResourceType
from toolchain.host.wire import UNKNOWN


class Secret(ResourceType):
    """A secret; every change replaces it. Its content cannot be read back."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def check(self, inputs: Properties, context: CheckContext) -> tuple[Properties, dict[str, str]]:
        """Check all properties and settle the name."""
        failures = problems(inputs, SECRET)
        data = inputs.get("data")
        if isinstance(data, str) and data is not UNKNOWN and _decoded(data) is None:
            failures["data"] = "`data` must be base64"
        inputs, reason = autoname(inputs, context)
        return inputs, {**failures, "name": reason} if reason else failures

    def diff(self, old_inputs: Properties, old_outputs: Properties, inputs: Properties) -> DiffResult:
        """By the schema."""
        return result(difference(old_inputs, inputs, SECRET), old_inputs, inputs, always_delete_first=False)

    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Create it; a second secret of the same name is refused."""
        full = complete(inputs, SECRET)
        if preview:
            return "", full
        with self._daemon.api() as api:
            made = api.create_secret(full["name"], _decoded(full["data"]), labels_of(full.get("labels", [])))
        return made["ID"], full

    def update(
        self,
        urn: str,
        identity: str,
        inputs: Properties,
        old_inputs: Properties,
        old: Properties,
        preview: bool,
    ) -> Properties:
        """Nothing of a secret can be changed in place: only a spelling of the inputs did."""
        return old

    def read(self, identity: str, inputs: Properties, old: Properties) -> tuple[str, Properties, Properties]:
        """Whether it is still there."""
        try:
            with self._daemon.api() as api:
                name = api.inspect_secret(identity)["Spec"]["Name"]
        except OperationFailed as failure:
            if missing(failure):
                return "", {}, {}
            raise
        return identity, old or {"name": name}, inputs or {"name": name}

    def delete(self, urn: str, identity: str, old: Properties) -> None:
        """Remove it once no service uses it."""
        remove_once_free(self._daemon, lambda api: api.remove_secret(identity), "is in use by")


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None

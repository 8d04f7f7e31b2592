"""`docker:index/volume:Volume`."""

import json
from typing import Any

from toolchain.host.docker.client import Daemon, labels_of, labels_to, missing, remove_once_free
from toolchain.host.docker.inputs import autoname, complete, difference, problems, result
from toolchain.host.docker.schema import VOLUME
from toolchain.host.resource import CheckContext, DiffResult, OperationFailed, Properties, ResourceType
from toolchain.host.wire import UNKNOWN

META = json.dumps({"schema_version": "1"})


class Volume(ResourceType):
    """A volume; every change replaces it, and its data with it."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def check(self, inputs: Properties, context: CheckContext) -> tuple[Properties, dict[str, str]]:
        """Check all properties and settle the name."""
        failures = problems(inputs, VOLUME)
        inputs, reason = autoname(inputs, context)
        return inputs, {**failures, "name": reason} if reason else failures

    def diff(self, old_inputs: Properties, old_outputs: Properties, inputs: Properties) -> DiffResult:
        """By the schema."""
        changes = difference(old_inputs, inputs, VOLUME)
        return result(changes, old_inputs, inputs, always_delete_first=False)

    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Create it. Docker answers with the volume of that name where there is one, data and all."""
        full = complete(inputs, VOLUME)
        if preview:
            return "", {"driver": UNKNOWN, **full, "mountpoint": UNKNOWN}
        with self._daemon.api() as api:
            created = api.create_volume(
                full["name"], full.get("driver"), full.get("driverOpts"), labels_of(full.get("labels", []))
            )
        return created["Name"], _outputs(created)

    def update(
        self,
        urn: str,
        identity: str,
        inputs: Properties,
        old_inputs: Properties,
        old: Properties,
        preview: bool,
    ) -> Properties:
        """Nothing of a volume can be changed in place: only a spelling of the inputs did."""
        return old

    def read(self, identity: str, inputs: Properties, old: Properties) -> tuple[str, Properties, Properties]:
        """As the daemon has it."""
        try:
            with self._daemon.api() as api:
                inspected = api.inspect_volume(identity)
        except OperationFailed as failure:
            if missing(failure):
                return "", {}, {}
            raise
        return inspected["Name"], _outputs(inspected), inputs or {"name": inspected["Name"]}

    def delete(self, urn: str, identity: str, old: Properties) -> None:
        """Remove it and its data once no container uses it."""
        remove_once_free(
            self._daemon, lambda api: api.remove_volume(identity, force=True), "volume is in use"
        )


def _outputs(inspected: dict[str, Any]) -> Properties:
    return {
        "__meta": META,
        "name": inspected["Name"],
        "labels": labels_to(inspected.get("Labels")),
        "driver": inspected["Driver"],
        "driverOpts": inspected.get("Options") or {},
        "mountpoint": inspected["Mountpoint"],
    }

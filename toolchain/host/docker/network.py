"""`docker:index/network:Network`."""

import json
from typing import Any

from toolchain.host.docker.client import Daemon, labels_of, labels_to, missing, remove_once_free
from toolchain.host.docker.inputs import autoname, complete, difference, problems, result
from toolchain.host.docker.schema import NETWORK
from toolchain.host.resource import CheckContext, DiffResult, OperationFailed, Properties, ResourceType
from toolchain.host.wire import UNKNOWN

META = json.dumps({"schema_version": "1"})
COMPUTED = ("driver", "internal", "ipamConfigs", "options", "scope")
ADDRESSES = {
    "subnet": "Subnet",
    "ipRange": "IPRange",
    "gateway": "Gateway",
    "auxAddress": "AuxiliaryAddresses",
}


class Network(ResourceType):
    """A network; every change replaces it."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def check(self, inputs: Properties, context: CheckContext) -> tuple[Properties, dict[str, str]]:
        """Check all properties and settle the name."""
        failures = problems(inputs, NETWORK)
        inputs, reason = autoname(inputs, context)
        return inputs, {**failures, "name": reason} if reason else failures

    def diff(self, old_inputs: Properties, old_outputs: Properties, inputs: Properties) -> DiffResult:
        """By the schema."""
        changes = difference(old_inputs, inputs, NETWORK)
        return result(changes, old_inputs, inputs, always_delete_first=False)

    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Create it; a second network of the same name is refused."""
        full = complete(inputs, NETWORK)
        if preview:
            return "", {**dict.fromkeys(COMPUTED, UNKNOWN), **full}
        with self._daemon.api() as api:
            created = api.create_network(
                full["name"],
                driver=full.get("driver"),
                options=full.get("options"),
                ipam=_ipam(full),
                check_duplicate=True,
                internal=full.get("internal", False),
                labels=labels_of(full.get("labels", [])),
                enable_ipv6=full.get("ipv6"),
                attachable=full.get("attachable"),
                ingress=full.get("ingress"),
            )
            return created["Id"], _outputs(api.inspect_network(created["Id"]))

    def update(
        self,
        urn: str,
        identity: str,
        inputs: Properties,
        old_inputs: Properties,
        old: Properties,
        preview: bool,
    ) -> Properties:
        """Nothing of a network can be changed in place: only a spelling of the inputs did."""
        return old

    def read(self, identity: str, inputs: Properties, old: Properties) -> tuple[str, Properties, Properties]:
        """As the daemon has it."""
        try:
            with self._daemon.api() as api:
                inspected = api.inspect_network(identity)
        except OperationFailed as failure:
            if missing(failure):
                return "", {}, {}
            raise
        return inspected["Id"], _outputs(inspected), inputs or {"name": inspected["Name"]}

    def delete(self, urn: str, identity: str, old: Properties) -> None:
        """Remove it once its last container has let go of it."""
        remove_once_free(
            self._daemon, lambda api: api.remove_network(identity), "has active endpoints", "is in use by"
        )


def _ipam(full: Properties) -> dict[str, Any] | None:
    configs = [
        {there: entry[here] for here, there in ADDRESSES.items() if here in entry}
        for entry in full.get("ipamConfigs", [])
    ]
    return {"Driver": full["ipamDriver"], "Config": configs, "Options": full.get("ipamOptions")}


def _outputs(inspected: dict[str, Any]) -> Properties:
    ipam = inspected["IPAM"]
    return {
        "__meta": META,
        "name": inspected["Name"],
        "labels": labels_to(inspected.get("Labels")),
        "driver": inspected["Driver"],
        "options": inspected.get("Options") or {},
        "internal": inspected["Internal"],
        "attachable": inspected["Attachable"],
        "ingress": inspected["Ingress"],
        "ipv6": inspected["EnableIPv6"],
        "ipamDriver": ipam["Driver"],
        "ipamOptions": ipam.get("Options") or {},
        "ipamConfigs": [
            {here: entry[there] for here, there in ADDRESSES.items() if entry.get(there)}
            for entry in ipam.get("Config") or []
        ],
        "scope": inspected["Scope"],
    }

"""`docker:index/service:Service`."""

import json
import time
from typing import Any

from toolchain.host.docker.client import REMOVE_SECONDS, Daemon, missing
from toolchain.host.docker.inputs import DEFAULTED, autoname, complete, difference, problems, result
from toolchain.host.docker.schema_swarm import SERVICE
from toolchain.host.docker.service_config import AMOUNTS, arguments
from toolchain.host.resource import CheckContext, DiffResult, OperationFailed, Properties, ResourceType
from toolchain.host.wire import UNKNOWN

CHANGE_SECONDS = 30
META = json.dumps({"schema_version": "2"})


class Service(ResourceType):
    """A service of a swarm. All but its name and mode changes in place, task by task.

    It is not waited for: `convergeConfig` is refused, whoever declares a service asks it himself.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def check(self, inputs: Properties, context: CheckContext) -> tuple[Properties, dict[str, str]]:
        """Check all properties and settle the name."""
        failures = problems(inputs, SERVICE)
        inputs, reason = autoname(inputs, context)
        return inputs, {**failures, "name": reason} if reason else failures

    def diff(self, old_inputs: Properties, old_outputs: Properties, inputs: Properties) -> DiffResult:
        """By the schema."""
        return result(difference(old_inputs, inputs, SERVICE), old_inputs, inputs, always_delete_first=True)

    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Create it."""
        full = complete(inputs, SERVICE)
        if preview:
            return "", {"labels": UNKNOWN, **full}
        with self._daemon.api() as api:
            return api.create_service(**arguments(full))["ID"], {"__meta": META, **full}

    def update(
        self,
        urn: str,
        identity: str,
        inputs: Properties,
        old_inputs: Properties,
        old: Properties,
        preview: bool,
    ) -> Properties:
        """Give the daemon the whole of the new description."""
        full = complete(inputs, SERVICE)
        if not preview:
            self._change(identity, arguments(full))
        return {"__meta": META, **full}

    def _change(self, identity: str, wanted: dict[str, Any]) -> None:
        """Ask again while Swarm writes its own remarks on the service between the two calls."""
        deadline = time.monotonic() + CHANGE_SECONDS
        while True:
            try:
                with self._daemon.api() as api:
                    version = api.inspect_service(identity)["Version"]["Index"]
                    api.update_service(identity, version, **wanted)
                return
            except OperationFailed as failure:
                if "update out of sequence" not in str(failure) or time.monotonic() > deadline:
                    raise

    def read(self, identity: str, inputs: Properties, old: Properties) -> tuple[str, Properties, Properties]:
        """As the daemon has it: its name, image and limits are read back."""
        try:
            with self._daemon.api() as api:
                spec = api.inspect_service(identity)["Spec"]
        except OperationFailed as failure:
            if missing(failure):
                return "", {}, {}
            raise
        task = spec["TaskTemplate"]
        image = task["ContainerSpec"]["Image"]
        known = inputs or {"name": spec["Name"], "taskSpec": {"containerSpec": {"image": image}}}
        asked = known["taskSpec"]
        live: Properties = {**asked, "containerSpec": {**asked["containerSpec"], "image": image}}
        if "resources" in asked:
            live["resources"] = _resources(task.get("Resources") or {}, asked["resources"])
        seen = {**known, "name": spec["Name"], "taskSpec": live}
        outputs = complete({key: value for key, value in seen.items() if key != DEFAULTED}, SERVICE)
        return identity, {"__meta": META, **outputs}, seen

    def delete(self, urn: str, identity: str, old: Properties) -> None:
        """Remove it, and wait until the last of its containers is gone."""
        deadline = time.monotonic() + REMOVE_SECONDS + 10
        try:
            with self._daemon.api() as api:
                api.remove_service(identity)
        except OperationFailed as failure:
            if not missing(failure):
                raise
        label = {"label": f"com.docker.swarm.service.id={identity}"}
        with self._daemon.api() as api:
            while api.containers(all=True, filters=label):
                if time.monotonic() > deadline:
                    raise OperationFailed(f"containers of the service {old.get('name')} do not go away")
                time.sleep(0.2)


def _resources(live: dict[str, Any], asked: Properties) -> Properties:
    """The limits and reservations that were asked for, as they are now."""
    sides = (("limits", "Limits"), ("reservation", "Reservations"))
    return {
        here: {key: (live.get(there) or {}).get(AMOUNTS[key], 0) for key in asked[here]}
        for here, there in sides
        if here in asked
    }

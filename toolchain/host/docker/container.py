"""`docker:index/container:Container`."""

import threading
from typing import Any

from toolchain.host.docker import container_config, container_state, health
from toolchain.host.docker.client import Daemon, missing
from toolchain.host.docker.image import find
from toolchain.host.docker.inputs import DEFAULTED, autoname, complete, difference, problems, result
from toolchain.host.docker.schema import CONTAINER
from toolchain.host.engine import EngineLog
from toolchain.host.resource import (
    CheckContext,
    Difference,
    DiffResult,
    NotReady,
    OperationFailed,
    Properties,
    ResourceType,
)
from toolchain.host.wire import UNKNOWN

COMPUTED = (
    "bridge", "command", "containerLogs", "entrypoints", "envs", "exitCode", "healthcheck", "hostname",
    "init", "ipcMode", "labels", "logDriver", "networkDatas", "platform", "runtime", "securityOpts",
    "shmSize", "stopSignal", "stopTimeout",
)  # fmt: skip
LIMITS = ("memory", "memoryReservation", "memorySwap", "cpuShares", "cpuSet", "restart", "maxRetryCount")
# The official plugin stores a change of these and does nothing else; nor does this one, but it says so.
WITHOUT_EFFECT = ("healthcheck", "tmpfs", "init", "rm", "cpuPeriod", "cpuQuota")


class Container(ResourceType):
    """A container; most changes replace it, and the old one goes first."""

    def __init__(self, daemon: Daemon, log: EngineLog, cancelled: threading.Event) -> None:
        self._daemon, self._log, self._cancelled = daemon, log, cancelled

    def check(self, inputs: Properties, context: CheckContext) -> tuple[Properties, dict[str, str]]:
        """Check all properties and settle the name."""
        failures = problems(inputs, CONTAINER)
        if "gpus" in inputs and "deviceRequests" in inputs:
            failures["gpus"] = "`gpus` conflicts with `deviceRequests`"
        inputs, reason = autoname(inputs, context)
        return inputs, {**failures, "name": reason} if reason else failures

    def diff(self, old_inputs: Properties, old_outputs: Properties, inputs: Properties) -> DiffResult:
        """By the schema; a container known to have stopped is started where it must run."""
        changes = difference(old_inputs, inputs, CONTAINER)
        if old_outputs.get("mustRun") is False and complete(inputs, CONTAINER)["mustRun"]:
            changes.setdefault("mustRun", Difference("UPDATE"))
        return result(changes, old_inputs, inputs, always_delete_first=True)

    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Create it, connect its networks, start it, and wait for it where asked to."""
        full = complete(inputs, CONTAINER)
        if preview:
            return "", {**dict.fromkeys(COMPUTED, UNKNOWN), **full}
        with self._daemon.api() as api:
            find(api, full["image"], full.get("platform", ""))
            created = api.create_container_from_config(
                container_config.body(full), full["name"], full.get("platform")
            )
        return created["Id"], self._settle(created["Id"], inputs, start=full["start"])

    def update(
        self,
        urn: str,
        identity: str,
        inputs: Properties,
        old_inputs: Properties,
        old: Properties,
        preview: bool,
    ) -> Properties:
        """Change the limits in place, and start the container again where it must run."""
        full, changes = complete(inputs, CONTAINER), difference(old_inputs, inputs, CONTAINER)
        if preview:
            return {**old, **full}
        names = {path.split("[")[0].split(".")[0] for path in changes}
        for name in sorted(names.intersection(WITHOUT_EFFECT)):
            self._log.warning(urn, f"a change of `{name}` takes effect only when the container is replaced")
        if names.intersection(LIMITS):
            self._set_limits(urn, identity, full, old)
        return self._settle(identity, inputs, start=full["start"] and full["mustRun"])

    def read(self, identity: str, inputs: Properties, old: Properties) -> tuple[str, Properties, Properties]:
        """As it is now; one that was removed is gone."""
        try:
            with self._daemon.api() as api:
                inspected = api.inspect_container(identity)
        except OperationFailed as failure:
            if missing(failure):
                return "", {}, {}
            raise
        known = inputs or {"image": inspected["Config"]["Image"], DEFAULTED: []}
        new = container_state.outputs(known, inspected)
        return inspected["Id"], new, container_state.drifted(known, old, new)

    def delete(self, urn: str, identity: str, old: Properties) -> None:
        """Stop it within `destroyGraceSeconds`, at once where there is none, and remove it."""
        try:
            with self._daemon.api() as api:
                api.stop(identity, timeout=max(0, old.get("destroyGraceSeconds", 0)))
                api.remove_container(identity, v=old.get("removeVolumes", True), force=True)
        except OperationFailed as failure:
            if not missing(failure) and "is already in progress" not in str(failure):
                raise

    def _settle(self, identity: str, inputs: Properties, start: bool) -> Properties:
        """Bring an existing container to where it should be; a failure now is remembered with it."""
        full = complete(inputs, CONTAINER)
        try:
            with self._daemon.api() as api:
                _connect(api, identity, full)
                if start and not api.inspect_container(identity)["State"]["Running"]:
                    api.start(identity)
                reason = None
                if start and full["wait"]:
                    reason = health.wait(api, identity, full["waitTimeout"], self._cancelled)
                outputs = container_state.outputs(inputs, api.inspect_container(identity))
        except OperationFailed as failure:
            if missing(failure) and self._gone(identity):
                raise
            raise NotReady(identity, full, inputs, str(failure)) from failure
        if reason:
            raise NotReady(identity, outputs, inputs, reason)
        return outputs

    def _gone(self, identity: str) -> bool:
        """Whether it is the container itself that is missing, not a network or an image of it."""
        return not self.read(identity, {}, {})[0]

    def _set_limits(self, urn: str, identity: str, full: Properties, old: Properties) -> None:
        for name in ("memory", "memoryReservation", "cpuShares"):
            if old.get(name) and not full.get(name):
                self._log.warning(
                    urn, f"Docker cannot lift `{name}` of an existing container: replace it for that"
                )
        policy = {"Name": full["restart"], "MaximumRetryCount": full.get("maxRetryCount", 0)}
        with self._daemon.api() as api:
            api.update_container(
                identity,
                cpu_shares=full.get("cpuShares"),
                cpuset_cpus=full.get("cpuSet"),
                mem_limit=full.get("memory", 0) * container_config.MEBIBYTE or None,
                mem_reservation=full.get("memoryReservation", 0) * container_config.MEBIBYTE or None,
                memswap_limit=container_config.memory_swap(full["memorySwap"])
                if "memorySwap" in full
                else None,
                restart_policy=policy,
            )


def _connect(api: Any, identity: str, full: Properties) -> None:
    """Put the container on the networks of `networksAdvanced`; without any it keeps that of `networkMode`."""
    wanted = full.get("networksAdvanced", [])
    if not wanted:
        return
    present = api.inspect_container(identity)["NetworkSettings"]["Networks"] or {}
    known = {*present, *(data["NetworkID"] for data in present.values())}
    if "bridge" in present and not known.intersection(
        entry["name"] for entry in wanted if entry["name"] == "bridge"
    ):
        api.disconnect_container_from_network(identity, "bridge")
    for entry in wanted:
        if entry["name"] in known:
            continue
        api.connect_container_to_network(
            identity,
            entry["name"],
            aliases=entry.get("aliases"),
            ipv4_address=entry.get("ipv4Address"),
            ipv6_address=entry.get("ipv6Address"),
            link_local_ips=entry.get("linkLocalIps"),
            mac_address=entry.get("macAddress"),
            driver_opt=dict(option.split("=", 1) for option in entry.get("driverOpts", []) if "=" in option),
        )

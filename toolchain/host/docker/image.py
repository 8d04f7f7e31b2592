"""`docker:index/remoteImage:RemoteImage`: an image that is on the daemon, pulled if it is not there yet."""

from typing import Any

from toolchain.host.docker.client import Daemon, missing
from toolchain.host.docker.inputs import DEFAULTED, complete, difference, problems
from toolchain.host.docker.schema import REMOTE_IMAGE
from toolchain.host.resource import CheckContext, DiffResult, OperationFailed, Properties, ResourceType
from toolchain.host.wire import UNKNOWN


class RemoteImage(ResourceType):
    """An image by name. One that is there already is used as it is: no registry is asked."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def check(self, inputs: Properties, context: CheckContext) -> tuple[Properties, dict[str, str]]:
        """An image is named by the program: there is no automatic name."""
        given = {key: value for key, value in inputs.items() if key != DEFAULTED}
        return {DEFAULTED: [], **given}, problems(inputs, REMOTE_IMAGE)

    def diff(self, old_inputs: Properties, old_outputs: Properties, inputs: Properties) -> DiffResult:
        """By the schema."""
        # Two references to one image can be there at the same time: the new one comes first.
        return DiffResult(difference(old_inputs, inputs, REMOTE_IMAGE))

    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Find it, or pull it."""
        full = complete(inputs, REMOTE_IMAGE)
        if preview:
            return "", {**full, "imageId": UNKNOWN, "repoDigest": UNKNOWN}
        with self._daemon.api() as api:
            image = find(api, full["name"], full.get("platform", ""))
        return image["Id"] + full["name"], _outputs(full, image)

    def update(
        self,
        urn: str,
        identity: str,
        inputs: Properties,
        old_inputs: Properties,
        old: Properties,
        preview: bool,
    ) -> Properties:
        """Only how it is removed can change; the image may have gone in between."""
        full = complete(inputs, REMOTE_IMAGE)
        if preview:
            return {**old, **full}
        with self._daemon.api() as api:
            return _outputs(full, find(api, full["name"], full.get("platform", "")))

    def read(self, identity: str, inputs: Properties, old: Properties) -> tuple[str, Properties, Properties]:
        """As the daemon has it."""
        name = inputs.get("name") or old.get("name") or identity
        try:
            with self._daemon.api() as api:
                image = api.inspect_image(name)
        except OperationFailed as failure:
            if missing(failure):
                return "", {}, {}
            raise
        inputs = {**inputs, "name": name}
        return image["Id"] + name, _outputs(complete(inputs, REMOTE_IMAGE), image), inputs

    def delete(self, urn: str, identity: str, old: Properties) -> None:
        """Remove the name, and the image where it was its last one, unless it is to be kept."""
        if old.get("keepLocally"):
            return
        try:
            with self._daemon.api() as api:
                api.remove_image(old["name"], force=old.get("forceRemove", False))
        except OperationFailed as failure:
            if not missing(failure):
                raise


def find(api: Any, name: str, platform: str) -> dict[str, Any]:
    """The image of that name or ID, pulled first where the daemon does not have it."""
    import docker

    try:
        return api.inspect_image(name)
    except docker.errors.ImageNotFound:
        pass
    if name.startswith("sha256:"):
        raise OperationFailed(
            f"there is no image {name} on this Docker daemon, and an image ID cannot be pulled"
        )
    try:
        # A digest in the name is what identifies it; without tag and digest it is `latest`, as in `docker
        # pull`.
        tag = None if "@" in name or ":" in name.rsplit("/", 1)[-1] else "latest"
        for step in api.pull(name, tag=tag, platform=platform or None, stream=True, decode=True):
            if "error" in step:
                raise OperationFailed(f"unable to pull image {name}: {step['error']}")
        return api.inspect_image(name)
    except docker.errors.APIError as error:
        raise OperationFailed(f"unable to pull image {name}: {error.explanation or error}") from error


def _outputs(full: Properties, image: dict[str, Any]) -> Properties:
    return {
        **full,
        "imageId": image["Id"],
        "repoDigest": _repo_digest(full["name"], image.get("RepoDigests") or []),
    }


def _repo_digest(name: str, digests: list[str]) -> str:
    """The digest of the repository in the name, or the first one; empty for an image made on this machine."""
    repository = name.split("@")[0]
    if ":" in repository.rsplit("/", 1)[-1]:
        repository = repository.rsplit(":", 1)[0]
    return next(
        (digest for digest in digests if digest.startswith(repository)), digests[0] if digests else ""
    )

"""Docker can hand out the GPUs that containers are to use."""

from __future__ import annotations

from collections.abc import Iterator

from host.errors import HostError
from ops.doctor.examination import Finding, Patient

BEFORE_UP = "refuse"


def look(patient: Patient) -> Iterator[Finding]:
    """NVIDIA's runtime, where a service is given a GPU."""
    from components.gpus import usable
    from host import facts

    config, (plan, _) = patient.config, patient.drafted
    if config.runtime != "docker" or not any(spec.resources.gpu_memory for spec in plan.services):
        return
    if not usable(config.host, facts.measure((), patient.stack, config.data)):
        return
    from host.containers.client import daemon

    try:
        with daemon() as client:
            runtimes = client.info()["Runtimes"]
    except HostError:
        # The rule about the daemon says that.
        return
    if "nvidia" in runtimes:
        yield Finding("GPUs")
    else:
        mend = "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
        yield Finding("GPUs", "Docker has no NVIDIA runtime (the NVIDIA Container Toolkit)", mend)

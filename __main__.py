"""The Pulumi program: load, plan, build, export."""

import pulumi
from pulumi.errors import RunError

from components.config import load_stack_config
from components.errors import ConfigurationError
from components.platform import Platform
from components.replicas import listening
from components.stack_values import stack_values
from host import declared
from host.facts import measure


def main() -> None:
    """Deploy the selected stack and export what a person or a tool needs next."""
    stack = pulumi.get_stack()
    try:
        config = load_stack_config(stack_values())
        facts = measure(listening(config), stack, config.data, containers=config.containers)
        platform = Platform.deploy(stack, config, facts, declared.read(stack))
    except ConfigurationError as error:
        raise RunError(str(error)) from None
    for name, value in platform.outputs().items():
        pulumi.export(name, value)


main()

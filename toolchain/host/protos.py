"""The protocol messages of the installed Pulumi SDK, without the rest of that SDK.

`import pulumi` takes about 0.3 s, and a provider needs nothing of it but the generated messages. Two empty
parent modules with the real search path let `pulumi.runtime.proto` be imported on its own, which takes a
third of that. The language host runs the user's program and so imports the SDK in the ordinary way: it must
not call `load`.
"""

import importlib
import importlib.machinery
import sys
import types


def load() -> None:
    """Make `pulumi.runtime.proto` importable without running `pulumi/__init__.py`."""
    if "pulumi" in sys.modules:
        return
    spec = importlib.machinery.PathFinder.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the Pulumi SDK is not installed here: run `python3 -m toolchain setup`")
    base = list(spec.submodule_search_locations)
    for name, path in (("pulumi", base), ("pulumi.runtime", [f"{entry}/runtime" for entry in base])):
        module = types.ModuleType(name)
        module.__path__ = path
        sys.modules[name] = module
    importlib.import_module("pulumi.runtime.proto")

"""Packages that most commands never use, imported when one of them is used."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def put_off(*packages: str) -> None:
    """Have ``import`` of each give what imports it at the first look into it. For an entry point alone.

    Not ``importlib.util.LazyLoader``: what that makes is loaded by the next ``import`` of it.
    """
    for package in packages:
        sys.modules.setdefault(package, _Deferred(package))

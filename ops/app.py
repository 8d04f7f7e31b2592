"""The Typer application: one command for each module in ``ops.commands``."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import typer

from ops import commands


def application() -> typer.Typer:
    """Every command, under its module's name. Modules import what is heavy only when they run."""
    app = typer.Typer(
        name="hearth",
        help="Look after a private AI platform that Pulumi deploys.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for info in pkgutil.iter_modules(commands.__path__):
        module = import_module(f"{commands.__name__}.{info.name}")
        app.command(info.name.replace("_", "-"))(module.command)
    return app

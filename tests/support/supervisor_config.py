"""supervisord's own reader of its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from supervisor.options import ServerOptions

_FRAME = """[supervisord]
logfile={directory}/supervisord.log
pidfile={directory}/supervisord.pid
childlogdir={directory}
[include]
files={directory}/*.program
"""


def program(text: str, directory: Path) -> Any:
    """The process that supervisord would run for one program section. Raises ``ValueError``."""
    (section,) = programs({"only": text}, directory)
    return section


def programs(texts: dict[str, str], directory: Path) -> list[Any]:
    """The processes that supervisord would run for all sections together."""
    for name, text in texts.items():
        (directory / f"{name}.program").write_text(text)
    main = directory / "supervisord.conf"
    main.write_text(_FRAME.format(directory=str(directory).replace("%", "%%")))
    options = ServerOptions()
    options.configfile = str(main)
    options.process_config(do_usage=False)
    return [process for group in options.process_group_configs for process in group.process_configs]

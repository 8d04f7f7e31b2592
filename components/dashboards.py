"""Grafana's dashboards, one for each group of graphs that the stack's services declare. Pure.

The model: https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from components.neighbours import Requests
from components.signals import Group, Panel

# Of Grafana 12: https://github.com/grafana/grafana/tree/main/apps/dashboard/pkg/migration/schemaversion
SCHEMA_VERSION = 42
TITLES: dict[Group, str] = {
    "health": "Services",
    "latency": "Response times",
    "host": "Host",
    "processes": "Containers and processes",
    "data": "Data stores",
    "inference": "Inference",
    "queues": "Queues",
    "backups": "Backups",
    "logs": "Logs",
}
Source = Mapping[str, str]
"""The ``type`` and ``uid`` of a data source."""
_WIDTH, _HEIGHT = 24, 8
_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def latency_panels(requests: Mapping[str, Requests]) -> list[Panel]:
    """Quantiles of every histogram that a service says its requests are counted in."""
    metrics = sorted({s.latency for asked in requests.values() for s in asked.scrapes if s.latency})
    return [
        Panel(
            title=f"{metric.partition('_')[0].capitalize()}: requests {name}",
            query=f"histogram_quantile({share}, sum by (service, le) (rate({metric}_bucket[5m])))",
            unit="s",
            group="latency",
        )
        for metric in metrics
        for name, share in _QUANTILES
    ]


def dashboards(
    stack: str, panels: Sequence[Panel], sources: Mapping[str, Source]
) -> dict[Group, dict[str, Any]]:
    """Group to dashboard; a group without panels has none. ``sources`` answer the languages of panels."""
    grouped = {group: [panel for panel in panels if panel.group == group] for group in get_args(Group)}
    return {group: _dashboard(stack, group, found, sources) for group, found in grouped.items() if found}


def _dashboard(
    stack: str, group: Group, panels: Sequence[Panel], sources: Mapping[str, Source]
) -> dict[str, Any]:
    return {
        "uid": f"hearth-{group}",
        "title": f"{stack}: {TITLES[group]}",
        "tags": ["hearth"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "panels": _placed(panels, sources),
    }


def _placed(panels: Sequence[Panel], sources: Mapping[str, Source]) -> list[dict[str, Any]]:
    """Graphs two abreast, log lines over the whole width below them."""
    found, x, y = [], 0, 0
    for number, panel in enumerate(sorted(panels, key=lambda panel: panel.lines), start=1):
        width = _WIDTH if panel.lines else _WIDTH // 2
        if x + width > _WIDTH:
            x, y = 0, y + _HEIGHT
        place = {"x": x, "y": y, "w": width, "h": _HEIGHT * 2 if panel.lines else _HEIGHT}
        found.append(_panel(number, panel, place, sources[panel.language]))
        x += width
        y += place["h"] - _HEIGHT
    return found


def _panel(number: int, panel: Panel, place: dict[str, int], source: Source) -> dict[str, Any]:
    target = {"refId": "A", "datasource": source, "expr": panel.query}
    common = {
        "id": number,
        "title": panel.title,
        "datasource": source,
        "gridPos": place,
    }
    if panel.lines:
        options = {"showTime": True, "wrapLogMessage": True, "sortOrder": "Descending"}
        return {**common, "type": "logs", "targets": [target], "options": options}
    return {
        **common,
        "type": "timeseries",
        "targets": [{**target, "legendFormat": panel.legend}],
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }

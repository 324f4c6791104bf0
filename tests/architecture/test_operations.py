"""What the operator watches exists: metrics that are named are counted, alerts that ring are explained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from service.observability import Metrics

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BUILT_IN = {"up"}
"""What Prometheus itself records of every target."""


def alert_rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "selvedge.json").read_text())
    return content


def panel_expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]


def series_of(metrics: Metrics) -> set[str]:
    """Every name under which a metric can be asked for."""
    names: set[str] = set()
    for family in metrics.registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
        names |= {family.name + ending for ending in endings.get(family.type, ("",))}
    return names


def named_in(expression: str) -> set[str]:
    """Metric names of an expression: what is left of braces, brackets or blanks and is no function or label."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", "", expression)
    bare = re.sub(r"\b(?:by|ignoring|on|group_left|group_right)\s*(?:\([^)]*\))?", "", bare)
    words = re.findall(r"[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()", bare)
    return {word for word in words if word not in {"and", "or", "unless", "offset", "h", "e9", "sum"}}


def test_every_metric_that_a_panel_or_an_alert_names_exists() -> None:
    """A renamed metric would leave an empty panel and an alert that never rings."""
    there = series_of(Metrics()) | BUILT_IN
    for expression in [*panel_expressions(), *(rule["expr"] for rule in alert_rules())]:
        named = named_in(expression)
        assert named, expression
        assert named <= there, f"{sorted(named - there)} in {expression}"


def test_the_reader_of_expressions_would_notice_a_wrong_name() -> None:
    """The test above can fail."""
    assert named_in('sum by (le) (rate(selvedge_x_bucket{route="/a"}[5m])) > 2 and b offset 1h') >= {
        "selvedge_x_bucket",
        "b",
    }
    assert not named_in("selvedge_no_such_metric == 1") <= series_of(Metrics())


def test_every_alert_has_an_entry_in_the_runbook_and_no_entry_is_left_over() -> None:
    """Whoever is woken finds what to do."""
    headings = re.findall(r"^## (\w+)$", (DEPLOY / "RUNBOOK.md").read_text(), re.MULTILINE)
    alerts = [rule["alert"] for rule in alert_rules()]
    assert sorted(headings) == sorted(alerts)
    assert len(set(alerts)) == len(alerts)


def test_every_alert_says_how_grave_it_is_and_what_it_is() -> None:
    """And waits, so that one bad scrape wakes nobody."""
    for rule in alert_rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["for"]


def test_settings_named_in_the_runbook_exist() -> None:
    """An operator copies them."""
    from service.settings import settings_table

    known = {name for name, _, _ in settings_table()}
    named = set(re.findall(r"SELVEDGE_[A-Z_]+[A-Z]", (DEPLOY / "RUNBOOK.md").read_text()))
    assert named
    assert named <= known


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    """Ids are unique, panels have a place and a source."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert set(panel["gridPos"]) == {"h", "w", "x", "y"}
        assert panel["type"] == "row" or panel["targets"]

"""Metrics are Prometheus text."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from lienmach.base import metrics


def test_a_count_is_found_in_the_text_under_its_labels() -> None:
    metrics.ANSWERS.labels("/fhir/[type]/[id]", "GET", "200").inc()
    families = {one.name: one for one in text_string_to_metric_families(metrics.text().decode())}
    samples = [one for one in families["lienmach_answers"].samples if one.labels.get("route") == "/fhir/[type]/[id]"]
    assert samples and samples[0].value >= 1

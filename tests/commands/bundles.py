"""Small files of every kind that an import takes, about nobody."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

A, B, C = (f"urn:uuid:00000000-0000-4000-8000-00000000000{n}" for n in "abc")


def patient(resource_id: str | None = None, family: str = "Thử") -> dict[str, Any]:
    named = {"resourceType": "Patient"} | ({"id": resource_id} if resource_id else {})
    return named | {"name": [{"family": family}], "birthDate": "1958-02-01"}


def observation(subject: str, value: str = "62.50", resource_id: str | None = None) -> str:
    """As text, for its decimal keeps its zero and its spacing."""
    own = f'"id": "{resource_id}",' if resource_id else ""
    return (
        f'{{"resourceType":"Observation", {own}\n "status":"final","code":{{"text":"Cân nặng"}},'
        f'"subject":{{"reference":"{subject}"}},\n "valueQuantity":{{"value":{value}, "unit":"kg"}}}}'
    )


def practitioner(number: str = "BS-1") -> dict[str, Any]:
    return {"resourceType": "Practitioner", "identifier": [{"system": "https://example.org/staff", "value": number}]}


def bundle(kind: str, entries: list[dict[str, Any]], **more: Any) -> bytes:
    """resource: a dict, or text that goes in as it stands."""
    texts = []
    for entry in entries:
        resource = entry.pop("resource", None)
        text = json.dumps(entry)
        if resource is not None:
            body = resource if isinstance(resource, str) else json.dumps(resource, ensure_ascii=False)
            text = text[:-1] + ("," if entry else "") + f'"resource":{body}}}'
        texts.append(text)
    head = json.dumps({"resourceType": "Bundle", "type": kind, **more})[:-1]
    return (head + ',\n  "entry": [\n' + ",\n".join(texts) + "]}").encode()


def post(full_url: str, resource: Any, kind: str, **request: Any) -> dict[str, Any]:
    return {"fullUrl": full_url, "request": {"method": "POST", "url": kind, **request}, "resource": resource}


def write(path: Path, data: bytes | str) -> Path:
    """The file; compressed if it is called so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(raw) if path.name.endswith(".gz") else raw)
    return path

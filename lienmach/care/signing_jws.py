"""A detached JSON Web Signature over the exact bytes of several versions (RFC 7515 appendix F).

The objects are named in the protected header as JAdES does it (ETSI TS 119 182-1, 5.2.8, mechanism ObjectIdByURIHash):
`sigD.pars` are version-specific references, `sigD.hashV` the SHA-256 of the bytes as stored, so that each version is
judged on its own and no canonical form is needed. The payload is empty. Pure: values in, values out.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from joserfc import errors as jose_errors
from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter

MECHANISM = "http://uri.etsi.org/19182/ObjectIdByURIHash"
_HEADER_BYTES_MAX = 64 * 1024
_OWN = {
    "sigT": HeaderParameter("when it was signed", "str"),
    "sigD": HeaderParameter("what was signed", lambda value: None),
    "srCms": HeaderParameter("what the signer commits to", lambda value: None),
    "x5t#S256": HeaderParameter("digest of the certificate", "str"),
}


@dataclass(frozen=True)
class Statement:
    """What a JWS says: who by key, when, for what activity, over which (reference, SHA-256) pairs."""

    key_id: str
    certificate: bytes
    signed_at: datetime
    activity: str
    objects: tuple[tuple[str, bytes], ...]


def digest(body: bytes) -> bytes:
    """SHA-256 of the bytes of one version."""
    return hashlib.sha256(body).digest()


def header(statement: Statement, chain: Sequence[bytes]) -> bytes:
    """The protected header, as base64url text. chain: DER above the certificate."""
    members = {
        "alg": "ES256",
        "typ": "jose+json",
        "kid": statement.key_id,
        "x5t#S256": _encode(digest(statement.certificate)),
        "x5c": [base64.b64encode(one).decode() for one in (statement.certificate, *chain)],
        "sigT": statement.signed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sigD": {
            "mId": MECHANISM,
            "pars": [reference for reference, _ in statement.objects],
            "hashM": "S256",
            "hashV": [_encode(one) for _, one in statement.objects],
        },
        "srCms": [{"commId": {"id": f"urn:lienmach:activity:{statement.activity}"}}],
        "crit": ["sigT", "sigD"],
    }
    return _encode(json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()).encode()


def input_of(protected: bytes) -> bytes:
    """The bytes that are signed: protected header, a dot, and nothing, for the payload is empty."""
    return protected + b"."


def join(protected: bytes, signature: bytes) -> str:
    """The compact form."""
    return f"{protected.decode()}..{_encode(signature)}"


def read(text: str) -> Statement:
    """What a JWS says, not yet whether it is true. Raises ValueError if it cannot be read."""
    try:
        members: dict[str, Any] = json.loads(_decode(text.split(".", 1)[0]))
        said = members["sigD"]
        if said["mId"] != MECHANISM or said["hashM"] != "S256" or len(said["pars"]) != len(said["hashV"]):
            raise ValueError("the signed objects are not named as we know it")
        return Statement(
            key_id=str(members["kid"]),
            certificate=base64.b64decode(members["x5c"][0]),
            signed_at=datetime.fromisoformat(str(members["sigT"])),
            activity=_activity(members),
            objects=tuple((str(one), _decode(value)) for one, value in zip(said["pars"], said["hashV"], strict=True)),
        )
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError) as problem:
        raise ValueError(f"not a signature of this form: {type(problem).__name__}") from problem


def is_true(text: str, certificate: bytes) -> bool:
    """Whether the key of this certificate made this signature."""
    public = x509.load_der_x509_certificate(certificate).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    registry = jws.JWSRegistry(header_registry=_OWN, algorithms=["ES256"])
    registry.max_header_length = _HEADER_BYTES_MAX
    try:
        jws.deserialize_compact(text, ECKey.import_key(pem), registry=registry)
    except (jose_errors.JoseError, ValueError):
        return False
    return True


def _activity(members: dict[str, Any]) -> str:
    commitments = members.get("srCms") or [{}]
    return str((commitments[0].get("commId") or {}).get("id", "")).removeprefix("urn:lienmach:activity:")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

"""Keys, certificates and seals as values: nothing here reads a table or asks the time.

A person's key is ECDSA on P-256 with a certificate (X.509) of the tenant's own authority. A key at rest is sealed with
AES-256-GCM; the seal's key comes from PIN and node secret (argon2id, then HKDF), from a session's cookie and node
secret, or from the node secret alone.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2.low_level import Type, hash_secret_raw
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

PERSON_DAYS = 3 * 365
AUTHORITY_DAYS = 15 * 365
PIN_LENGTHS = range(6, 13)
_DIGITS_DIFFERENT_MIN = 4
_NONCE_BYTES = 12
_NAME_CHARACTERS_MAX = 64  # of a common name (RFC 5280, ub-common-name)


@dataclass(frozen=True)
class Certified:
    """A private key and its certificate. der: the certificate."""

    key: ec.EllipticCurvePrivateKey
    der: bytes

    @property
    def key_id(self) -> str:
        return key_id_of(self.key.public_key())


def new_authority(name: str, at: datetime) -> Certified:
    """The authority of one tenant, self-signed; it issues certificates to people and to the facility, nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, name[:_NAME_CHARACTERS_MAX]),
        x509.NameAttribute(NameOID.COMMON_NAME, f"Liền Mạch · {name}"[:_NAME_CHARACTERS_MAX]),
    ])  # fmt: skip
    made = (
        _begin(subject, subject, key.public_key(), at, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Certified(key, made.public_bytes(serialization.Encoding.DER))


def issue(authority: Certified, *, login: str, name: str, organisation: str, at: datetime) -> Certified:
    """A new key with a certificate of this authority. login: "" for the facility itself."""
    issuer = x509.load_der_x509_certificate(authority.der)
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:_NAME_CHARACTERS_MAX]),
        x509.NameAttribute(NameOID.COMMON_NAME, (name or login or organisation)[:_NAME_CHARACTERS_MAX]),
    ]
    if login:
        parts.append(x509.NameAttribute(NameOID.USER_ID, login))
    made = (
        _begin(x509.Name(parts), issuer.subject, key.public_key(), at, PERSON_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return Certified(key, made.public_bytes(serialization.Encoding.DER))


def key_id_of(key: ec.EllipticCurvePublicKey) -> str:
    """The name of a key: 40 hexadecimal digits of the SHA-256 of its SubjectPublicKeyInfo."""
    written = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(written).hexdigest()[:40]


def is_valid_at(der: bytes, moment: datetime) -> bool:
    """Whether a certificate was neither too young nor over then."""
    found = x509.load_der_x509_certificate(der)
    return found.not_valid_before_utc <= moment <= found.not_valid_after_utc


def ends_at(der: bytes) -> datetime:
    """When a certificate is over."""
    return x509.load_der_x509_certificate(der).not_valid_after_utc


def name_in(der: bytes) -> tuple[str, str]:
    """(common name, login) of a certificate's subject; login "" for the facility."""
    subject = x509.load_der_x509_certificate(der).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    logins = subject.get_attributes_for_oid(NameOID.USER_ID)
    return str(names[0].value) if names else "", str(logins[0].value) if logins else ""


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ECDSA over SHA-256 of `data`: r and s, 32 bytes each (RFC 7518 section 3.4)."""
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def to_der(raw: bytes) -> bytes:
    """The same signature as CMS and X.509 write it."""
    return utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


# -- seals


def seal(key: ec.EllipticCurvePrivateKey, under: bytes, *, label: str) -> bytes:
    """A private key encrypted under 32 bytes. label: what it is for; opening needs the same."""
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(under).encrypt(nonce, plain, label.encode())


def unseal(sealed: bytes, under: bytes, *, label: str) -> ec.EllipticCurvePrivateKey | None:
    """The private key, or None if these are not the bytes it was sealed under (or the seal was changed)."""
    try:
        plain = AESGCM(under).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode())
    except InvalidTag:
        return None
    found = serialization.load_der_private_key(plain, None)
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return found


def of_pin(pin: str, salt: bytes, secret: bytes) -> bytes:
    """32 bytes from a PIN: argon2id (46 MiB, as for passwords), then mixed with the node secret. Tens of milliseconds."""
    stretched = hash_secret_raw(pin.encode(), salt, 1, 46 * 1024, 1, 32, Type.ID)
    return _mixed(stretched, secret, b"lienmach signing pin")


def of_session(session_key: bytes, secret: bytes) -> bytes:
    """32 bytes from a session's cookie, which only the browser keeps, and the node secret."""
    return _mixed(session_key, secret, b"lienmach signing session")


def of_node(secret: bytes, *, purpose: str) -> bytes:
    """32 bytes from the node secret alone."""
    return _mixed(secret, b"", b"lienmach signing node " + purpose.encode())


def _mixed(material: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(material)


def pin_fault(pin: str) -> str:
    """The first rule that a new PIN breaks, as a key of `web/words`, or ""."""
    if not (pin.isascii() and pin.isdecimal()) or len(pin) not in PIN_LENGTHS:
        return "PIN cần 6 đến 12 chữ số."
    steps = {int(right) - int(left) for left, right in itertools.pairwise(pin)}
    if len(set(pin)) < _DIGITS_DIFFERENT_MIN or steps in ({1}, {-1}):
        return "PIN quá dễ đoán: không dùng dãy liên tiếp, cần ít nhất 4 chữ số khác nhau."
    return ""


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, at: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(minutes=5))  # clocks of verifiers differ
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=not signs_certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )

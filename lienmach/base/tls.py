"""A local certificate authority, for a node whose door is open to more than its own machine.

Cameras, service workers and `__Host-` cookies refuse plain HTTP, and a hospital's network has no
public name to certify. The authority is made at the first start and kept in `<home>/tls`; people
install `authority.crt` once on each PC. Its key is readable by the node's user only and signs nothing
but this node's certificate, which is renewed by itself at a start within a month of its end.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lienmach.base import clock
from lienmach.base.settings import Settings

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 397  # the longest that browsers accept
RENEW_DAYS = 30


def certificate(settings: Settings) -> tuple[Path, Path]:
    """Paths of this node's certificate chain and key, made or renewed if need be."""
    folder = settings.home / "tls"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    chain, key = folder / "server.crt", folder / "server.key"
    names = server_names(settings)
    if not (chain.exists() and key.exists() and _is_good(chain, names)):
        authority, authority_key = _authority(folder)
        _make_server(chain, key, names, authority, authority_key)
    return chain, key


def server_names(settings: Settings) -> list[str]:
    """Every name and address by which this node is reached: its own, the machine's, those of the settings."""
    host, _ = settings.listen()
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname(), *settings.http_names.split(",")}
    if _address(host) is None or not ipaddress.ip_address(host).is_unspecified:
        names.add(host)
    else:
        names.update(_addresses_of_this_machine())
    return sorted(name.strip() for name in names if name.strip())


def _is_good(chain: Path, names: list[str]) -> bool:
    found = x509.load_pem_x509_certificate(chain.read_bytes())
    alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    covered = {str(one.value) for one in alternatives}
    return set(names) <= covered and found.not_valid_after_utc > clock.now() + timedelta(days=RENEW_DAYS)


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    path, key_path = folder / "authority.crt", folder / "authority.key"
    if path.exists() and key_path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(path.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Liền Mạch"),
        x509.NameAttribute(NameOID.COMMON_NAME, f"Liền Mạch {socket.gethostname()}"[:64]),
    ])  # fmt: skip
    made = (
        _builder(name, name, key.public_key(), _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_private(key_path, _pem(key))
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return made, key


def _make_server(
    chain: Path,
    key_path: Path,
    names: list[str],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    alternatives: list[x509.GeneralName] = []
    for name in names:
        address = _address(name)
        alternatives.append(x509.IPAddress(address) if address is not None else x509.DNSName(name))
    made = (
        _builder(subject, authority.subject, key.public_key(), _SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write_private(key_path, _pem(key))
    half = chain.with_name(chain.name + ".part")
    half.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (made, authority)))
    half.replace(chain)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    start = clock.now() - timedelta(hours=1)  # clocks of old PCs run behind
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _addresses_of_this_machine() -> set[str]:
    try:
        found = {str(one[4][0]).split("%")[0] for one in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:
        found = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # documentation address; nothing is sent, the kernel picks our own
            found.add(probe.getsockname()[0])
        except OSError:
            pass
    return found


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, data: bytes) -> None:
    half = path.with_name(path.name + ".part")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    half.replace(path)

"""The local authority: made once, its certificate covers every name, renewed before its end."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from lienmach.base import tls
from lienmach.base.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings(), home=tmp_path, http="0.0.0.0:8443", http_names="ho-so.benhvien.example")


def _alternatives(chain: Path) -> set[str]:
    found = x509.load_pem_x509_certificate(chain.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(one.value) for one in names}


def test_the_certificate_covers_the_names_of_the_settings_and_the_machine(settings: Settings) -> None:
    chain, _ = tls.certificate(settings)
    assert {"ho-so.benhvien.example", "localhost", "127.0.0.1", "::1"} <= _alternatives(chain)


def test_a_browser_that_trusts_the_authority_accepts_the_door_and_another_does_not(settings: Settings) -> None:
    chain, key = tls.certificate(settings)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    trusting = ssl.create_default_context(cafile=str(settings.home / "tls" / "authority.crt"))
    assert _shake_hands(server, trusting, "ho-so.benhvien.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(server, trusting, "other.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(server, ssl.create_default_context(), "ho-so.benhvien.example")


def test_a_second_start_keeps_the_certificate(settings: Settings) -> None:
    chain, key = tls.certificate(settings)
    before = chain.read_bytes(), key.read_bytes()
    tls.certificate(settings)
    assert (chain.read_bytes(), key.read_bytes()) == before


def test_a_new_name_renews_the_certificate_under_the_same_authority(settings: Settings) -> None:
    chain, _ = tls.certificate(settings)
    authority = (settings.home / "tls" / "authority.crt").read_bytes()
    tls.certificate(replace(settings, http_names="moi.benhvien.example"))
    assert "moi.benhvien.example" in _alternatives(chain)
    assert (settings.home / "tls" / "authority.crt").read_bytes() == authority


def test_a_certificate_near_its_end_is_renewed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, _ = tls.certificate(settings)
    before = chain.read_bytes()
    monkeypatch.setattr(tls, "RENEW_DAYS", 396)
    tls.certificate(settings)
    assert chain.read_bytes() == before
    monkeypatch.setattr(tls, "RENEW_DAYS", 398)
    tls.certificate(settings)
    assert chain.read_bytes() != before


def test_keys_are_readable_by_the_nodes_user_only(settings: Settings) -> None:
    tls.certificate(settings)
    for name in ("server.key", "authority.key"):
        assert (settings.home / "tls" / name).stat().st_mode & 0o077 == 0


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bool:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = server.wrap_bio(to_server, to_client, server_side=True)
    here = client.wrap_bio(to_client, to_server, server_hostname=name)
    done = False
    for _ in range(10):
        for side in (here, there):
            try:
                side.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
        if done:
            return True
    return False

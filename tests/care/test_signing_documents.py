"""PAdES and XAdES by the same port: valid for the libraries' own verifiers, and not after a change."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

import pytest
import typst
from lxml import etree
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from lienmach.base import errors
from lienmach.care import paper, paper_templates, signing, signing_documents
from lienmach.record.transaction import Store
from tests.care.signing_world import COOKIE, DOCTOR, PIN

CLAIM = """<?xml version="1.0" encoding="UTF-8"?>
<GIAMDINHHS><THONGTINDONVI><MACSKCB>79099</MACSKCB></THONGTINDONVI><THONGTINHOSO><SOLUONGHOSO>1</SOLUONGHOSO>
<HOTEN>Nguyễn Thị Mẫu</HOTEN></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>""".encode()


@pytest.fixture
async def signer(store: Store) -> signing.Signer:
    """The doctor's unlocked key."""
    await signing.set_pin(store, DOCTOR, PIN)
    return await signing.signer_for(store, DOCTOR, session_key=COOKIE, pin=PIN)


def states(pdf: bytes, signer: signing.Signer) -> list[tuple[bool, bool, bool]]:
    """(intact, valid, trusted) of each signature."""
    from asn1crypto import x509

    context = ValidationContext(trust_roots=[x509.Certificate.load(signer.chain[-1])], allow_fetching=False)
    found = [validate_pdf_signature(one, context) for one in PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures]
    return [(one.intact, one.valid, one.trusted) for one in found]


async def test_a_signed_pdf_is_intact_valid_and_leads_to_the_authority(signer: signing.Signer) -> None:
    pdf = await asyncio.to_thread(typst.compile, "Đơn thuốc".encode())
    once = await signing.sign_pdf(signer, pdf)
    assert await asyncio.to_thread(states, once, signer) == [(True, True, True)]
    assert b"ETSI.CAdES.detached" in once
    twice = await signing.sign_pdf(signer, once)
    assert twice.startswith(once)
    assert await asyncio.to_thread(states, twice, signer) == [(True, True, True)] * 2


async def test_a_prescription_for_the_archive_can_be_signed_and_stays_pdf_a(signer: signing.Signer) -> None:
    made = await paper.compile_paper(
        paper_templates.built_in("prescription"), paper_templates.sample("prescription"), archive=True
    )
    signed = await signing.sign_pdf(signer, made, reason="Kê đơn")
    assert signed.startswith(made) and b"pdfaid" in signed
    assert await asyncio.to_thread(states, signed, signer) == [(True, True, True)]


async def test_a_changed_pdf_is_not_intact(signer: signing.Signer) -> None:
    pdf = await asyncio.to_thread(typst.compile, "Đơn thuốc".encode())
    once = await signing.sign_pdf(signer, pdf)
    broken = once[:200] + bytes([once[200] ^ 1]) + once[201:]
    intact = [one[0] for one in await asyncio.to_thread(states, broken, signer)]
    assert intact == [False]


@pytest.mark.parametrize("pdf", [b"", b"nonsense", b"%PDF-1.7\n%%EOF"])
async def test_what_is_no_pdf_is_refused_with_a_sentence(signer: signing.Signer, pdf: bytes) -> None:
    with pytest.raises(errors.Invalid):
        await signing.sign_pdf(signer, pdf)


async def test_a_signed_claim_carries_its_signature_in_its_place(signer: signing.Signer) -> None:
    signed = await signing.sign_xml(signer, CLAIM, place="CHUKYDONVI")
    root = etree.fromstring(signed)
    (child,) = root.find("CHUKYDONVI")
    assert etree.QName(child).localname == "Signature"
    covered = await asyncio.to_thread(signing_documents.verify_xml, signed, signer.certificate)
    assert b"<MACSKCB>79099</MACSKCB>" in covered and "Nguyễn Thị Mẫu".encode() in covered


async def test_an_xml_without_a_place_takes_the_signature_at_its_end(signer: signing.Signer) -> None:
    signed = await signing.sign_xml(signer, b"<a><b>1</b></a>")
    assert etree.QName(etree.fromstring(signed)[-1]).localname == "Signature"
    await asyncio.to_thread(signing_documents.verify_xml, signed, signer.certificate)


@pytest.mark.parametrize(
    "change",
    [
        lambda signed: signed.replace(b"79099", b"79098"),
        lambda signed: b"<w>" + signed.split(b"?>", 1)[1] + b"</w>",
        lambda signed: CLAIM,
    ],
)
async def test_a_changed_or_wrapped_claim_does_not_verify(
    signer: signing.Signer, change: Callable[[bytes], bytes]
) -> None:
    signed = await signing.sign_xml(signer, CLAIM, place="CHUKYDONVI")
    with pytest.raises(errors.Invalid):
        await asyncio.to_thread(signing_documents.verify_xml, change(signed), signer.certificate)


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<a><CHUKYDONVI/><CHUKYDONVI/></a>",
        b"<a/>",
    ],
)
async def test_xml_that_cannot_be_signed_is_refused_with_a_sentence(signer: signing.Signer, xml: bytes) -> None:
    with pytest.raises(errors.Invalid):
        await signing.sign_xml(signer, xml, place="CHUKYDONVI")

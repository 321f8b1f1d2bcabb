"""Signatures inside documents: PAdES in a PDF (ETSI EN 319 142-1, B-B), XAdES in XML (ETSI EN 319 132-1, B-B).

Both libraries take tens to hundreds of milliseconds, so they work in a thread; the moment in which the signature itself
is made goes back to the event loop, where a Signer may wait for its holder as long as it needs. Time stamps and
long-term validation data are added behind these by the parts that renew them.
"""

from __future__ import annotations

import asyncio
import functools
import io
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from lienmach.base import clock, errors
from lienmach.care import signing_certificates as certificates
from lienmach.care.signing_port import ES256, Signer

_PATIENCE_SECONDS = 600.0  # a holder may have to find the telephone
# Inclusive C14N 1.0: what verifiers of claims expect; exclusive C14N breaks the digest of SignedProperties in signxml.
_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_PLACEHOLDER = "{http://www.w3.org/2000/09/xmldsig#}Signature"
SignNow = Callable[[bytes], bytes]


async def sign_pdf(signer: Signer, pdf: bytes, *, reason: str = "") -> bytes:
    """The PDF with one more signature, appended; earlier ones stay valid. Raises errors.Invalid for what is no PDF."""
    return await asyncio.to_thread(_sign_pdf, pdf, signer, reason, _bridge(signer))


async def sign_xml(signer: Signer, xml: bytes, *, place: str = "", at: datetime | None = None) -> bytes:
    """The document with an enveloped signature over all of it, UTF-8.

    place: local name of the (empty) element that takes the signature, such as CHUKYDONVI; "" appends it to the root.
    Raises errors.Invalid for XML that cannot be read, that declares a document type or lacks the place.
    """
    return await asyncio.to_thread(_sign_xml, xml, signer, place, at or clock.now(), _bridge(signer))


def verify_xml(xml: bytes, certificate: bytes) -> bytes:
    """What in this document is covered by a signature of this certificate (DER), as XML of its own.

    Read nothing else of the document. Raises errors.Invalid if there is none or it does not fit. Takes milliseconds.
    """
    import signxml
    from cryptography import x509
    from lxml import etree
    from signxml import xades

    root = _parse(xml)
    try:
        found = xades.XAdESVerifier().verify(
            root,
            x509_cert=x509.load_der_x509_certificate(certificate),
            expect_references=3,
            expect_config=signxml.SignatureConfiguration(require_x509=True, location=".//"),
        )
    except (signxml.exceptions.InvalidSignature, signxml.exceptions.InvalidInput, ValueError) as problem:
        raise errors.Invalid(f"The signature of this document does not fit: {problem}"[:300]) from None
    covered = [one for one in found if one.signed_xml is not None and one.signed_xml.tag == root.tag]
    if not covered:
        raise errors.Invalid("The signature does not cover this document.")
    written: bytes = etree.tostring(covered[0].signed_xml, encoding="utf-8")
    return written


def _bridge(signer: Signer) -> SignNow:
    """A function for threads that lets the signer sign on this event loop; r and s, 64 bytes."""
    loop = asyncio.get_running_loop()

    def sign(data: bytes) -> bytes:
        waiting: Awaitable[bytes] = signer.sign(data, algorithm=ES256)
        return asyncio.run_coroutine_threadsafe(waiting, loop).result(_PATIENCE_SECONDS)  # type: ignore[arg-type]

    return sign


@functools.lru_cache(maxsize=1)
def _pdf_signer_class() -> Any:
    # pyHanko takes a second to import: only a process that signs a PDF pays for it.
    from pyhanko.sign import signers

    class PortSigner(signers.Signer):
        """A Signer of ours as pyHanko wants it."""

        def __init__(self, sign: SignNow, **more: Any) -> None:
            super().__init__(**more)
            self._sign = sign

        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            if dry_run:
                return bytes(72)  # the longest DER form of two numbers of 32 bytes
            return certificates.to_der(self._sign(data))

    return PortSigner


def _sign_pdf(pdf: bytes, signer: Signer, reason: str, sign: SignNow) -> bytes:
    from asn1crypto import algos, x509
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign import fields, signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    store = SimpleCertificateStore()
    store.register_multiple([x509.Certificate.load(one) for one in signer.chain])
    own = _pdf_signer_class()(
        sign,
        signing_cert=x509.Certificate.load(signer.certificate),
        cert_registry=store,
        signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
    )
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
        taken = len(list(writer.prev.embedded_signatures))
    except (PdfError, ValueError, KeyError, TypeError) as problem:
        raise errors.Invalid(f"This is no PDF that can be signed ({type(problem).__name__}).") from None
    meta = signers.PdfSignatureMetadata(
        field_name=f"Signature{taken + 1}",
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        reason=reason or None,
        name=signer.who.get("display") or None,
    )
    done = io.BytesIO()
    asyncio.run(signers.PdfSigner(meta, own).async_sign_pdf(writer, output=done))
    return done.getvalue()


def _sign_xml(xml: bytes, signer: Signer, place: str, at: datetime, sign: SignNow) -> bytes:
    import signxml
    from cryptography import x509
    from lxml import etree
    from signxml import xades

    class Timed(xades.XAdESSigner):  # type: ignore[misc]
        """With the time of the unit of work instead of the machine's."""

        def add_signing_time(self, signed_signature_properties: Any, sig_root: Any, signing_settings: Any) -> None:
            named = etree.SubElement(
                signed_signature_properties, f"{{{signxml.util.namespaces.xades}}}SigningTime", nsmap=self.namespaces
            )
            named.text = at.isoformat(timespec="seconds")

    root = _parse(xml)
    if place:
        found = root.findall(f".//{{*}}{place}")
        if len(found) != 1:
            raise errors.Invalid(
                f"The document needs exactly one element {place} for the signature; it has {len(found)}."
            )
        etree.SubElement(found[0], _PLACEHOLDER, Id="placeholder")
    maker = Timed(
        method=signxml.methods.enveloped, signature_algorithm="ecdsa-sha256", digest_algorithm="sha256",
        c14n_algorithm=_C14N,
    )  # fmt: skip
    chain = [x509.load_der_x509_certificate(one) for one in (signer.certificate, *signer.chain)]
    key: Any = _XmlKey(sign)
    signed = maker.sign(root, key=key, cert=chain, always_add_key_value=False)
    written: bytes = etree.tostring(signed, encoding="utf-8", xml_declaration=True)
    return written


class _XmlKey:
    """What signxml asks of a private key on P-256."""

    key_size = 256

    def __init__(self, sign: SignNow) -> None:
        self._sign = sign

    def sign(self, data: bytes, signature_algorithm: Any) -> bytes:
        return certificates.to_der(self._sign(data))


def _parse(xml: bytes) -> Any:
    """The root element. No document type, no entities, no network: raises errors.Invalid."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise errors.Invalid(f"This is no XML that can be read: {problem}"[:200]) from None
    if root.getroottree().docinfo.doctype:
        raise errors.Invalid("An XML document that declares a document type is not taken.")
    return root

"""What was signed is what is stored, by whom it says, and nothing else counts."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import resources, signing, signing_certificates, signing_jws, systems
from lienmach.record.change import Stored
from lienmach.record.transaction import Store, Transaction
from tests.care.signing_world import COLLEAGUE, COOKIE, DOCTOR, PIN, note, signed_note, stop_clock


@pytest.fixture
async def keyed(store: Store) -> Store:
    """The record, with a key for the doctor."""
    await signing.set_pin(store, DOCTOR, PIN)
    return store


async def found(store: Store, reference: str) -> list[signing.Signature]:
    async with store.begin(DOCTOR) as tx:
        return await signing.verify(tx, reference)


async def test_a_signed_note_verifies_with_the_name_of_the_signer(keyed: Store) -> None:
    made, _ = await signed_note(keyed)
    (one,) = await found(keyed, f"Composition/{made.id}")
    assert (one.state, one.who, one.login, one.activity) == ("ok", "BS Mẫu Khám Bệnh", "bacsi", "sign-note")
    assert [(target.reference, target.state, target.is_current) for target in one.targets] == [
        (f"Composition/{made.id}/_history/1", "ok", True)
    ]


async def test_the_provenance_carries_a_detached_jws_and_version_specific_targets(keyed: Store) -> None:
    made, provenance = await signed_note(keyed)
    stored = json.loads(provenance.body)
    (entry,) = stored["signature"]
    assert stored["target"] == [{"reference": f"Composition/{made.id}/_history/1"}]
    assert (entry["sigFormat"], entry["targetFormat"]) == ("application/jose", "application/fhir+json")
    header, payload, signature = base64.b64decode(entry["data"]).split(b".")
    assert header and signature and payload == b""


async def test_one_changed_byte_in_the_database_is_seen(keyed: Store, owner_url: str) -> None:
    made, _ = await signed_note(keyed)
    owner = await asyncpg.connect(owner_url)
    try:
        done = await owner.execute(
            "update version set body = $2 where id = $1", made.id, made.body.replace(b"nh\xe1\xba\xb9", b"cao", 1)
        )
    finally:
        await owner.close()
    assert done.startswith("UPDATE 1")
    (one,) = await found(keyed, f"Composition/{made.id}")
    assert (one.state, one.targets[0].state) == ("changed", "changed")


async def test_a_signature_of_several_versions_judges_each_on_its_own(keyed: Store, owner_url: str) -> None:
    signer = await signing.signer_for(keyed, DOCTOR, session_key=COOKIE, pin=PIN)

    async def work(tx: Transaction) -> list[Stored]:
        made = [await resources.create(tx, note(text)) for text in ("một", "hai")]
        await signing.attach(tx, signer, made, activity="sign-note")
        return made

    first, second = await keyed.run(DOCTOR, work)
    owner = await asyncpg.connect(owner_url)
    await owner.execute("update version set body = $2 where id = $1", second.id, second.body + b" ")
    await owner.close()
    (one,) = await found(keyed, f"Composition/{first.id}")
    assert one.state == "changed"
    assert [target.state for target in one.targets] == ["ok", "changed"]


async def test_a_later_version_is_told_from_the_signed_one(keyed: Store) -> None:
    made, _ = await signed_note(keyed)

    async def mark(tx: Transaction) -> None:
        await resources.update(tx, {**resources.of(made), "status": "amended"})

    await keyed.run(DOCTOR, mark)
    (one,) = await found(keyed, f"Composition/{made.id}/_history/1")
    assert one.state == "ok" and not one.targets[0].is_current
    assert await found(keyed, f"Composition/{made.id}/_history/2") == []


async def test_a_key_of_another_user_is_refused(keyed: Store) -> None:
    signer = await signing.signer_for(keyed, DOCTOR, session_key=COOKIE, pin=PIN)

    async def work(tx: Transaction) -> None:
        await signing.attach(tx, signer, [await resources.create(tx, note())], activity="sign-note")

    with pytest.raises(errors.Refused):
        await keyed.run(COLLEAGUE, work)
    with pytest.raises(errors.Refused):
        await keyed.run(replace(DOCTOR, tenant=2), work)


async def test_a_signature_by_a_key_that_was_not_issued_here_is_not_ok(keyed: Store) -> None:
    authority = signing_certificates.new_authority("Nơi khác", keyed.now())
    other = signing_certificates.issue(
        authority, login="bacsi", name="BS Mẫu Khám Bệnh", organisation="Nơi khác", at=keyed.now()
    )

    class Foreign:
        tenant, login, who = 1, "bacsi", {"display": "BS Mẫu Khám Bệnh"}
        key_id, certificate, chain = other.key_id, other.der, (authority.der,)

        async def sign(self, data: bytes, *, algorithm: str = "ES256") -> bytes:
            return signing_certificates.sign(other.key, data)

    async def work(tx: Transaction) -> Stored:
        made = await resources.create(tx, note())
        await signing.attach(tx, Foreign(), [made], activity="sign-note")
        return made

    made = await keyed.run(DOCTOR, work)
    (one,) = await found(keyed, f"Composition/{made.id}")
    assert one.state == "unknown-key"


async def test_a_signature_that_names_a_known_key_without_having_it_is_forged(keyed: Store) -> None:
    mine = await signing.signer_for(keyed, DOCTOR, session_key=COOKIE, pin=PIN)
    authority = signing_certificates.new_authority("Nơi khác", keyed.now())

    class Forger:
        tenant, login, who = 1, "bacsi", {"display": "BS Mẫu Khám Bệnh"}
        key_id, certificate, chain = mine.key_id, mine.certificate, mine.chain

        async def sign(self, data: bytes, *, algorithm: str = "ES256") -> bytes:
            return signing_certificates.sign(authority.key, data)

    async def work(tx: Transaction) -> Stored:
        made = await resources.create(tx, note())
        await signing.attach(tx, Forger(), [made], activity="sign-note")
        return made

    made = await keyed.run(DOCTOR, work)
    (one,) = await found(keyed, f"Composition/{made.id}")
    assert one.state == "forged"


async def test_a_provenance_with_an_unreadable_signature_is_listed_as_such(keyed: Store) -> None:
    made, provenance = await signed_note(keyed)

    async def work(tx: Transaction) -> None:
        copy = resources.of(provenance)
        copy["signature"][0]["data"] = base64.b64encode(b"nonsense").decode()
        await resources.update(tx, copy)

    await keyed.run(DOCTOR, work)
    (one,) = await found(keyed, f"Composition/{made.id}")
    assert one.state == "unreadable"


async def test_the_facility_seals_with_a_key_of_its_own(keyed: Store) -> None:
    made, _ = await signed_note(keyed, on_behalf_facility=True)
    own, sealed = await found(keyed, f"Composition/{made.id}")
    assert (own.login, sealed.login, own.state, sealed.state) == ("bacsi", "", "ok", "ok")
    assert sealed.who == "Trạm y tế thử" and own.key_id != sealed.key_id
    again, _ = await signed_note(keyed, on_behalf_facility=True)
    assert (await found(keyed, f"Composition/{again.id}"))[1].key_id == sealed.key_id


async def test_each_facility_of_a_tenant_has_a_seal_of_its_own(keyed: Store, system: Actor) -> None:
    seals = {}
    for code, name in (("79001", "Bệnh viện (mẫu)"), ("79002", "Trạm y tế (mẫu)")):
        organisation = {
            "resourceType": "Organization",
            "id": f"cs-{code}",
            "name": name,
            "identifier": [{"system": systems.FACILITY, "value": code}],
        }
        practitioner = f"Practitioner/nv-{code}"
        role = {
            "resourceType": "PractitionerRole",
            "practitioner": {"reference": practitioner},
            "organization": {"reference": f"Organization/cs-{code}"},
        }

        async def work(tx: Transaction, organisation: Any = organisation, role: Any = role) -> None:
            await resources.create(tx, organisation, resource_id=organisation["id"])
            await resources.create(tx, role)

        await keyed.run(system, work)
        made, provenance = await signed_note(keyed, replace(DOCTOR, reference=practitioner), on_behalf_facility=True)
        assert resources.of(provenance)["agent"][0]["onBehalfOf"]["reference"] == f"Organization/cs-{code}"
        seals[code] = (await found(keyed, f"Composition/{made.id}"))[1]
    assert {one.who for one in seals.values()} == {"Bệnh viện (mẫu)", "Trạm y tế (mẫu)"}
    assert len({one.key_id for one in seals.values()}) == 2


async def test_what_was_not_shown_is_not_signed(keyed: Store) -> None:
    signer = await signing.signer_for(keyed, DOCTOR, session_key=COOKIE, pin=PIN)
    seen = signing.content_digest(note("Ho, sốt nhẹ"))

    async def work(tx: Transaction, text: str) -> Stored:
        made = await resources.create(tx, note(text))
        await signing.attach(tx, signer, [made], activity="sign-note", shown=[seen])
        return made

    await keyed.run(DOCTOR, lambda tx: work(tx, "Ho, sốt nhẹ"))
    with pytest.raises(errors.Conflict):
        await keyed.run(DOCTOR, lambda tx: work(tx, "Ho, sốt cao"))


async def test_of_two_who_sign_the_version_that_one_changes_one_reads_why(keyed: Store) -> None:
    signer = await signing.signer_for(keyed, DOCTOR, session_key=COOKIE, pin=PIN)
    made = await keyed.run(DOCTOR, lambda tx: resources.create(tx, note(status="preliminary")))
    slow = keyed.begin(DOCTOR)
    await signing.attach(slow, signer, [made], activity="sign-note")

    async def fast(tx: Transaction) -> None:
        after = await resources.update(tx, {**resources.of(made), "status": "final"})
        await signing.attach(tx, signer, [after], activity="sign-note")

    await keyed.run(DOCTOR, fast)
    with pytest.raises(Exception) as caught:
        await slow.commit()
    assert type(caught.value).__name__ == "Changed"
    with pytest.raises(errors.Conflict):
        await keyed.run(DOCTOR, lambda tx: signing.attach(tx, signer, [made], activity="sign-note"))
    (one,) = await found(keyed, f"Composition/{made.id}")
    assert one.targets[0].reference.endswith("/_history/2")


async def test_a_signature_after_its_certificate_ended_is_expired(keyed: Store) -> None:
    stopped = stop_clock(keyed)
    signer = await signing.signer_for(keyed, DOCTOR, session_key=COOKIE, pin=PIN)
    stopped.move(days=signing_certificates.PERSON_DAYS + 1)

    async def work(tx: Transaction) -> Stored:
        made = await resources.create(tx, note())
        await signing.attach(tx, signer, [made], activity="sign-note")
        return made

    made = await keyed.run(DOCTOR, work)
    (one,) = await found(keyed, f"Composition/{made.id}")
    assert one.state == "expired"
    with pytest.raises(signing.NoKey):
        await signing.signer_for(keyed, DOCTOR, session_key=COOKIE, pin=PIN)


async def test_what_a_replaced_key_signed_stays_true(keyed: Store) -> None:
    made, _ = await signed_note(keyed)
    await signing.set_pin(keyed, DOCTOR, "975310")
    (one,) = await found(keyed, f"Composition/{made.id}")
    assert one.state == "ok"
    with pytest.raises(signing.WrongPin):
        await signing.signer_for(keyed, DOCTOR, session_key=COOKIE, pin=PIN)


async def test_a_reference_that_is_none_is_refused_with_a_sentence(keyed: Store) -> None:
    for text in ("", "Composition", "Nonsense/1", "Composition/1/2", "Composition//_history/1"):
        with pytest.raises(errors.Failure):
            await found(keyed, text)


def test_the_header_of_a_signature_can_be_read_by_any_jws_library() -> None:
    assert signing_jws.input_of(b"abc") == b"abc."
    with pytest.raises(ValueError):
        signing_jws.read("a.b")

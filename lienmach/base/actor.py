"""Who acts: a value that every verb carries in `tx`. There is no ambient current user."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """tenant: number of the data controller. user: login name, or `system`.

    roles: names from `identity/roles.py`; no role means no right. purpose: a code of
    v3 PurposeOfUse (TREAT, HPAYMT, HOPERAT, HRESCH, PATADMIN, SYSADMIN, ETREAT, BTG).
    reference: the FHIR reference that stands for the actor in AuditEvent.agent.who, or "".
    address: network address of the client, for the audit; never logged elsewhere.
    """

    tenant: int
    user: str
    roles: frozenset[str]
    purpose: str = "TREAT"
    display: str = ""
    reference: str = ""
    address: str = ""

"""What an instrument says and asks, in words that HL7 v2 and ASTM E1394 share. Text as it was sent; nothing is judged.

Sent(sender="SIM-1", control_id="42", readings=(Reading("2611220001", "K", "6.8", "mmol/L"),), queries=())
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """One value of one test of one tube.

    tube: the number on the barcode. code: the instrument's own test code. value: as sent, `>` or `<` before it kept.
    status: F final, P preliminary, C corrected, X could not be measured. is_control: control material, no person.
    patient_number, patient_name: whom the instrument believes it to be, "" if it does not say.
    """

    tube: str
    code: str
    value: str
    unit: str = ""
    flag: str = ""
    status: str = "F"
    is_control: bool = False
    patient_number: str = ""
    patient_name: str = ""


@dataclass(frozen=True)
class Sent:
    """One whole message. queries: tubes whose orders are asked for. control_id: the sender's number of the message."""

    sender: str
    control_id: str
    readings: tuple[Reading, ...] = ()
    queries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ordered:
    """The answer to a query: what is to be measured in a tube. codes: [(instrument's code, name)]; empty: nothing.

    birth: YYYYMMDD or "". sex: M, F, O or U.
    """

    tube: str
    codes: tuple[tuple[str, str], ...] = ()
    patient_number: str = ""
    patient_name: str = ""
    birth: str = ""
    sex: str = "U"

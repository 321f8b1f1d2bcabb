"""A claim file as a whole: what only its bytes can break, and what many claims say together."""

from __future__ import annotations

import base64
from datetime import date

from lienmach.standards.bhxh import claim_xml
from lienmach.standards.bhxh.claim_xml import Tables
from lienmach.standards.bhxh.rules import check
from tests.standards import rules_case

_SIGNATURE = b"<CHUKYDONVI><Signature/></CHUKYDONVI>"
CASE = rules_case.clean(11)


def _bytes() -> bytes:
    made = claim_xml.build(CASE.tables, facility=rules_case.FACILITY, made_on=date(2026, 11, 1))
    return made.replace(b"<CHUKYDONVI/>", _SIGNATURE)


def _rules(data: bytes) -> set[tuple[str, str, str]]:
    around = CASE.around
    return {(one.rule, one.table, one.field) for one in check.check_file(claim_xml.read(data), around)}


def _changed(old: str, new: str) -> bytes:
    assert old.encode() in _bytes()
    return _bytes().replace(old.encode(), new.encode())


def test_a_clean_signed_file_has_no_finding() -> None:
    assert not _rules(_bytes())


def test_a_file_that_is_no_xml_is_said_so() -> None:
    assert ("STR-01", "ENV", "") in _rules(b"<GIAMDINHHS><THONGTINDONVI>")
    assert ("STR-01", "ENV", "GIAMDINHHS") in _rules(b"<KHAC/>")


def test_two_records_in_a_file_are_one_too_many() -> None:
    assert ("STR-02", "ENV", "SOLUONGHOSO") in _rules(_changed("<SOLUONGHOSO>1<", "<SOLUONGHOSO>2<"))


def test_the_facility_of_the_file_is_that_of_the_visit() -> None:
    own = rules_case.FACILITY
    assert ("STR-03", "ENV", "MACSKCB") in _rules(_changed(f"<MACSKCB>{own}<", "<MACSKCB>01001<"))
    assert ("STR-03", "ENV", "MACSKCB") in _rules(_changed(f"<MACSKCB>{own}<", "<MACSKCB>790<"))


def test_a_file_without_a_signature_or_with_one_in_the_wrong_place_is_said_so() -> None:
    unsigned = _bytes().replace(_SIGNATURE, b"<CHUKYDONVI/>")
    first = _bytes().replace(_SIGNATURE, b"").replace(b"<GIAMDINHHS>", b"<GIAMDINHHS>" + _SIGNATURE)
    assert ("STR-04", "ENV", "CHUKYDONVI") in _rules(unsigned)
    assert ("STR-04", "ENV", "CHUKYDONVI") in _rules(first)


def test_a_table_twice_and_a_table_that_is_never_sent_are_said_so() -> None:
    again = _changed("<LOAIHOSO>XML3<", "<LOAIHOSO>XML1<")
    never = _changed("<LOAIHOSO>XML3<", "<LOAIHOSO>XML12<")
    assert ("STR-05", "XML1", "") in _rules(again)
    assert ("STR-05", "ENV", "LOAIHOSO") in _rules(never)


def test_content_that_is_not_base64_or_has_another_root_is_said_so() -> None:
    start = _bytes().index(b"<LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>") + len(b"<LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>")
    broken = _bytes()[:start] + b"###" + _bytes()[start + 3 :]
    assert ("STR-06", "XML1", "NOIDUNGFILE") in _rules(broken)
    inner = base64.b64encode(b"<KHAC><MA_LK>1</MA_LK></KHAC>")
    end = _bytes().index(b"</NOIDUNGFILE>", start)
    assert ("STR-06", "XML1", "TONG_HOP") in _rules(_bytes()[:start] + inner + _bytes()[end:])


def test_a_byte_order_mark_is_a_warning() -> None:
    found = check.check_file(claim_xml.read(b"\xef\xbb\xbf" + _bytes()), CASE.around)
    assert [(one.rule, one.level) for one in found] == [("STR-16", "warn")]


def _pair(field: str, group: str) -> tuple[Tables, Tables]:
    """Two claims of two patients with one line of a group by the same person or machine in the same minutes."""
    found = []
    for seed in range(400):
        case = rules_case.clean(seed)
        rows = [one for one in case.lines("XML3") if one["MA_NHOM"] == group and one["NGAY_KQ"]]
        if rows:
            found.append((case, rows[0]))
        if len(found) == 2:
            break
    (one, first), (two, second) = found
    for name in ("NGAY_TH_YL", "NGAY_KQ", field):
        second[name] = first[name]
    for case, row in found:
        case.tables["XML3"] = [row]
    return one.tables, two.tables


def test_one_person_with_two_patients_in_the_same_minutes_is_said_of_the_second() -> None:
    first, second = _pair("NGUOI_THUC_HIEN", "18")
    [(key, found)] = check.check_batch([first, second], CASE.around)
    assert (found.rule, found.table, found.field, found.level) == ("TIM-17", "XML3", "NGUOI_THUC_HIEN", "warn")
    assert key in (first["XML1"][0]["MA_LK"], second["XML1"][0]["MA_LK"])


def test_minutes_that_only_touch_do_not_overlap() -> None:
    first, second = _pair("NGUOI_THUC_HIEN", "18")
    second["XML3"][0].update(NGAY_TH_YL=first["XML3"][0]["NGAY_KQ"], NGAY_KQ=first["XML3"][0]["NGAY_KQ"][:8] + "2359")
    assert not check.check_batch([first, second], CASE.around)


def test_one_machine_with_two_patients_in_the_same_minutes_is_said() -> None:
    first, second = _pair("MA_MAY", "2")
    second["XML3"][0]["NGUOI_THUC_HIEN"] = "0000009/KHAC"
    assert [one.rule for _, one in check.check_batch([first, second], CASE.around)] == ["TIM-18"]


def test_one_patient_is_no_overlap_with_themselves() -> None:
    first, second = _pair("NGUOI_THUC_HIEN", "18")
    second["XML1"][0]["MA_BN"] = first["XML1"][0]["MA_BN"]
    assert not check.check_batch([first, second], CASE.around)


def test_a_doctor_sees_others_while_tests_are_made() -> None:
    first, second = _pair("NGUOI_THUC_HIEN", "13")
    for tables in (first, second):
        tables["XML3"][0]["NGUOI_THUC_HIEN"] = rules_case.DOCTOR
    assert [one.rule for _, one in check.check_batch([first, second], CASE.around)] == ["TIM-17"]
    test = {**first["XML3"][0], "MA_NHOM": "1", "NGAY_KQ": ""}
    first["XML3"].append(test)
    assert not check.check_batch([first, second], CASE.around)

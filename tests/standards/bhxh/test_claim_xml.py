"""The file of a claim: built and read back equal; whatever is wrong with a file is a fault with its rule, never a crash."""

from __future__ import annotations

import base64
from datetime import date

import pytest

from lienmach.standards.bhxh import claim_fields, claim_xml

ON = date(2026, 8, 3)


def tables() -> claim_xml.Tables:
    """A visit with two drug lines."""
    lines = [claim_fields.row("XML2", ON, {"MA_LK": "K1", "STT": str(number)}) for number in (1, 2)]
    visit = {"MA_LK": "K1", "STT": "1", "NGAY_VAO": "202608030700", "HO_TEN": "Nguyễn <Ân> & con\nhai dòng"}
    return {"XML1": [claim_fields.row("XML1", ON, visit)], "XML2": lines}


def built() -> bytes:
    return claim_xml.build(tables(), facility="79001", made_on=ON)


def with_table(table: str, inner: str) -> bytes:
    """The file with another content of XML2."""
    packed = base64.b64encode(inner.encode()).decode()
    start = built().index(b"<LOAIHOSO>XML2")
    end = built().index(b"</FILEHOSO>", start)
    return built()[:start] + f"<LOAIHOSO>{table}</LOAIHOSO><NOIDUNGFILE>{packed}</NOIDUNGFILE>".encode() + built()[end:]


def rules(data: bytes) -> set[str]:
    return {rule for rule, *_ in claim_xml.read(data).faults}


def test_what_was_built_reads_back_equal() -> None:
    read = claim_xml.read(built())
    assert read.tables == tables()
    assert (read.facility, read.made_on, read.signature, read.faults) == ("79001", ON, None, ())


def test_the_same_content_is_the_same_bytes_and_the_day_of_making_is_no_content() -> None:
    other = claim_xml.build(tables(), facility="79001", made_on=date(2026, 8, 4))
    assert built() == claim_xml.build(tables(), facility="79001", made_on=ON) != other
    read = claim_xml.read(other)
    assert claim_xml.content_digest(read.tables) == claim_xml.content_digest(tables())
    changed = tables()
    changed["XML2"][0]["SO_LUONG"] = "1"
    assert claim_xml.content_digest(changed) != claim_xml.content_digest(tables())


def test_every_field_of_the_version_stands_in_order_and_empty_ones_as_empty_elements() -> None:
    row = claim_xml.read(built()).tables["XML1"][0]
    assert tuple(row) == claim_fields.names("XML1", ON)
    assert row["DU_PHONG"] == ""


@pytest.mark.parametrize(
    ("on", "table", "name", "is_there"),
    [
        (date(2024, 12, 31), "XML2", "NGAY_TH_YL", False),
        (date(2025, 1, 1), "XML2", "NGAY_TH_YL", True),
        (date(2024, 12, 31), "XML13", "MA_NOI_DEN", True),
        (date(2025, 1, 1), "XML13", "MA_NOI_DEN", False),
        (date(2025, 1, 1), "XML13", "MA_CSKCB_DEN", True),
    ],
)
def test_the_version_follows_the_day_of_the_visit(on: date, table: str, name: str, is_there: bool) -> None:
    assert (name in claim_fields.names(table, on)) is is_there


@pytest.mark.parametrize(("on", "most"), [(date(2026, 6, 30), 3), (date(2026, 7, 1), 4)])
def test_muc_huong_has_four_characters_from_july_2026_on(on: date, most: int) -> None:
    [own] = [one for one in claim_fields.fields("XML3", on) if one.name == "MUC_HUONG"]
    assert own.max == most


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("XML1"),
        lambda found: found.update(XML12=[{}]),
        lambda found: found.update(XML0=[{}]),
        lambda found: found["XML1"].append(found["XML1"][0]),
        lambda found: found["XML2"][0].update(KHONG_CO="1"),
        lambda found: found["XML2"][0].update(CACH_DUNG="\x00"),
    ],
)
def test_what_cannot_be_a_claim_is_not_built(change: object) -> None:
    found = tables()
    change(found)  # type: ignore[operator]
    with pytest.raises(ValueError):
        claim_xml.build(found, facility="79001", made_on=ON)


def test_a_facility_has_five_characters() -> None:
    with pytest.raises(ValueError):
        claim_xml.build(tables(), facility="7900", made_on=ON)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "STR-01"),
        (b"<HOSO/>", "STR-01"),
        (b"\xff\xfe", "STR-01"),
        (built()[:-20], "STR-01"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "STR-01"),
        (b"\xef\xbb\xbf" + built(), "STR-16"),
        (built().replace(b"<SOLUONGHOSO>1<", b"<SOLUONGHOSO>2<"), "STR-02"),
        (built().replace(b"79001", b"7900"), "STR-03"),
        (built().replace(b"<LOAIHOSO>XML2", b"<LOAIHOSO>XML12"), "STR-05"),
        (built().replace(b"<LOAIHOSO>XML2", b"<LOAIHOSO>XML1"), "STR-05"),
        (with_table("XML2", "<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC/></CHITIEU_CHITIET_THUOC>"), "STR-05"),
        (with_table("XML2", "không phải xml"), "STR-06"),
        (with_table("XML2", "<KHAC/>"), "STR-06"),
        (with_table("XML2", "<CHITIEU_CHITIET_THUOC/>"), "STR-06"),
        (with_table("XML14", "<CHI_TIEU_GIAYHEN_KHAMLAI><LA>1</LA></CHI_TIEU_GIAYHEN_KHAMLAI>"), "STR-07"),
    ],
)
def test_a_faulty_file_is_read_with_a_fault_and_a_sentence(data: bytes, rule: str) -> None:
    found = [text for own, _, _, text in claim_xml.read(data).faults if own == rule]
    assert found and all(text.endswith(".") for text in found)


def test_fields_in_another_order_are_read_and_told() -> None:
    inner = base64.b64decode(built().split(b"<LOAIHOSO>XML2</LOAIHOSO><NOIDUNGFILE>")[1].split(b"<")[0]).decode()
    swapped = inner.replace("<MA_LK>K1</MA_LK><STT>1</STT>", "<STT>1</STT><MA_LK>K1</MA_LK>")
    assert swapped != inner
    read = claim_xml.read(with_table("XML2", swapped))
    assert read.tables == tables()
    assert [(rule, table) for rule, table, *_ in read.faults] == [("STR-07", "XML2")]


def test_an_entity_bomb_is_not_expanded() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><TONG_HOP>&b;</TONG_HOP>'
    read = claim_xml.read(with_table("XML5", bomb))
    assert "XML5" not in read.tables
    assert ("STR-06", "XML5") in {(rule, table) for rule, table, *_ in read.faults}


def test_a_file_beyond_the_limit_is_not_read() -> None:
    assert rules(b" " * (claim_xml.BYTES_MAX + 1)) == {"STR-01"}

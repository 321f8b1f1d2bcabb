import random

import pytest

from lienmach.standards.vietnam import qr, telex

from . import keyboards
from .test_qr import CITIZEN, insurance

FAMILY = "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý".split()
MIDDLE = "Văn Thị Hữu Đức Minh Ngọc Thanh Xuân Quốc Kim Đình".split()
GIVEN = "Ân Bình Châu Dũng Đường Hà Hưởng Khoa Lộc Mỹ Nghĩa Oanh Phượng Quyền Sương Tuyết Uyên Vỹ Xuyến Yến".split()


def cards(count, seed=7):
    random_ = random.Random(seed)
    for _ in range(count):
        name = " ".join((random_.choice(FAMILY), random_.choice(MIDDLE), random_.choice(GIVEN)))
        yield insurance(name=name)


@pytest.mark.parametrize(
    "keyboard", [keyboards.telex, keyboards.vni, lambda keys: keyboards.telex(keys, digits_end_words=False)]
)
def test_every_insurance_scan_that_a_keyboard_changed_is_recognised(keyboard):
    changed = [(card, keyboard(card)) for card in cards(300)]
    changed = [(card, typed) for card, typed in changed if typed != card]
    assert len(changed) > 100
    assert [typed for _, typed in changed if not telex.is_mangled(typed)] == []


@pytest.mark.parametrize(
    "keyboard", [keyboards.telex, keyboards.vni, lambda keys: keyboards.telex(keys, digits_end_words=False)]
)
def test_what_is_restored_is_what_the_card_said_or_its_number(keyboard):
    whole = 0
    for card in cards(300):
        restored = telex.restore(keyboard(card))
        assert restored is None or card.startswith(restored) or qr.parse(restored) == qr.parse(card)
        whole += restored is not None and "|" in restored
    assert whole >= 0


def test_a_sound_scan_is_not_called_mangled():
    assert not any(telex.is_mangled(card) for card in cards(300))
    assert not telex.is_mangled(CITIZEN)
    assert not telex.is_mangled("nguyễn văn ân")
    assert not telex.is_mangled("a|b")


def test_a_wrong_code_page_is_recognised_and_undone():
    broken = CITIZEN.encode().decode("latin-1")
    assert telex.is_mangled(broken)
    assert qr.parse(telex.restore(broken)) == qr.parse(CITIZEN)


@pytest.mark.parametrize(
    "text",
    [
        CITIZEN.replace("NGUYỄN VĂN THỬ", "NGUY?N V?N TH?"),
        CITIZEN.replace("|Nam|", "|Nâ|"),
        CITIZEN.replace("01022000", "0102Ơ00"),
    ],
)
def test_of_a_damaged_citizen_card_the_number_survives(text):
    assert telex.is_mangled(text)
    assert telex.restore(text) == "079200000001"


def test_a_card_number_that_vni_marked_is_restored():
    card = insurance().replace("GD4790123456789", "TE1790123456789")
    typed = keyboards.vni(card)
    assert typed.startswith("TÉ79")
    assert telex.restore(typed).startswith("TE1790123456789")


def test_nothing_certain_gives_nothing():
    assert telex.restore("GĐ790|é|â|1") is None
    assert telex.restore("xin chào") is None

import json
from dataclasses import replace

import pytest

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import patients
from lienmach.care.person_draft import PersonDraft
from lienmach.record import write

AN = PersonDraft(
    name="NGUYỄN VĂN ÂN",
    birth="1958-02-01",
    sex="male",
    citizen_number="079058990001",
    insurance_number="GD4790123456789",
    phone="0000 123 456",
    commune_code="00004",
)
OTHERS = (
    PersonDraft(name="Nguyễn Văn An", birth="1958-07-05", sex="male", citizen_number="079058994321"),
    PersonDraft(name="Đặng Thị Đường", birth="1990-01-01", sex="female", phone="0000 999 888"),
    PersonDraft(name="Trần Văn Ẩn", birth="1970", sex="male"),
    PersonDraft(name="Nguyễn Thị Anh", birth="2001-03-04", sex="female", old_number="991234321"),
)


@pytest.fixture
async def people(store, system):
    """Five registered people; gives the ids by name."""
    found = {}
    for draft in (AN, *OTHERS):
        async with store.begin(system) as tx:
            found[draft.name] = (await patients.register(tx, draft)).id
    return found


async def names_of(store, actor, text):
    async with store.begin(actor) as tx:
        result = await patients.find(tx, text)
    return [one.patient["name"][0]["text"] for one in result.people]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nguyen van an", ["Nguyễn Văn An", "NGUYỄN VĂN ÂN"]),
        ("nguyễn văn ân", ["NGUYỄN VĂN ÂN", "Nguyễn Văn An"]),
        ("Ẩn", ["Trần Văn Ẩn", "Nguyễn Văn An", "NGUYỄN VĂN ÂN", "Nguyễn Thị Anh"]),
        ("duong", ["Đặng Thị Đường"]),
        ("thi", ["Nguyễn Thị Anh", "Đặng Thị Đường"]),
        ("nguyen van", ["Nguyễn Văn An", "NGUYỄN VĂN ÂN"]),
        ("tran an", ["Trần Văn Ẩn"]),
        ("nva 1958", ["Nguyễn Văn An", "NGUYỄN VĂN ÂN"]),
        ("an 1/2/1958", ["NGUYỄN VĂN ÂN"]),
        ("1970 an", ["Trần Văn Ẩn"]),
        ("nva", ["Nguyễn Văn An", "NGUYỄN VĂN ÂN"]),
        ("dtd", ["Đặng Thị Đường"]),
        ("nguyen an 1958", ["Nguyễn Văn An", "NGUYỄN VĂN ÂN"]),
        ("079058990001", ["NGUYỄN VĂN ÂN"]),
        ("4321", ["Nguyễn Thị Anh", "Nguyễn Văn An"]),
        ("0001", ["NGUYỄN VĂN ÂN"]),
        ("gd4 79 0123456789", ["NGUYỄN VĂN ÂN"]),
        ("0123456789", ["NGUYỄN VĂN ÂN"]),
        ("0000999888", ["Đặng Thị Đường"]),
        ("+84 000 999 888", ["Đặng Thị Đường"]),
        ("9888", ["Đặng Thị Đường"]),
        ("01/02/1958", ["NGUYỄN VĂN ÂN"]),
        ("01021958", ["NGUYỄN VĂN ÂN"]),
        ("079058990001||NGUYỄN VĂN ÂN|01021958|Nam|x|01072021", ["NGUYỄN VĂN ÂN", "Nguyễn Văn An"]),
        ("079058990001||NGUY?N V?N ÂN|01021958|Nam|x|01072021", ["NGUYỄN VĂN ÂN"]),
        ("vang", []),
        ("", []),
        ("%", []),
        ("nva 1959", []),
        ("'; drop table ix", []),
    ],
)
async def test_people_are_found_as_they_are_asked_for(store, system, people, text, expected):
    assert await names_of(store, system, text) == expected


async def test_another_tenant_and_a_role_without_the_right_find_nobody(store, stranger, people):
    assert await names_of(store, stranger, "nguyen van an") == []
    with pytest.raises(errors.Refused):
        await names_of(store, Actor(1, "x", frozenset(["admin"]), "SYSADMIN"), "nguyen van an")


async def test_who_is_deleted_or_renamed_is_not_found_under_the_old_name(store, system, people):
    draft = replace(AN, name="Lý Văn Út")
    body = json.dumps({**patients.person_draft.build(draft), "id": people[AN.name]}).encode()
    async with store.begin(system) as tx:
        await write.update(tx, "Patient", people[AN.name], body)
        await write.delete(tx, "Patient", people["Trần Văn Ẩn"])
    assert await names_of(store, system, "nguyễn văn ân") == ["Nguyễn Văn An"]
    assert await names_of(store, system, "ly van ut") == ["Lý Văn Út"]
    assert await names_of(store, system, "tran van an") == []


async def test_the_same_number_is_refused_unless_somebody_says_why(store, system, people):
    again = PersonDraft(name="Nguyễn Văn B", sex="male", social_number="0123456789")
    with pytest.raises(errors.Conflict):
        async with store.begin(system) as tx:
            await patients.register(tx, again)
    async with store.begin(system) as tx:
        stored = await patients.register(tx, again, reason_override="Thẻ in nhầm số")
    assert "Thẻ in nhầm số" in stored.body.decode()


async def test_an_incomplete_draft_is_refused_with_all_that_is_missing(store, system):
    with pytest.raises(errors.Invalid) as caught:
        async with store.begin(system) as tx:
            await patients.register(tx, PersonDraft())
    assert len(caught.value.issues) == 2


async def test_of_two_desks_that_register_one_card_at_once_one_wins(store, system):
    import asyncio

    async def register():
        return await store.run(system, lambda tx: patients.register(tx, AN))

    answers = await asyncio.gather(*(register() for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, errors.Conflict) for one in answers) == 4
    assert await names_of(store, system, "079058990001") == ["NGUYỄN VĂN ÂN"]


@pytest.mark.parametrize(
    ("draft", "reasons"),
    [
        (PersonDraft(citizen_number="079 058 990 001"), ("same-number",)),
        (PersonDraft(insurance_number="HT3790123456789"), ("same-number",)),
        (PersonDraft(name="nguyen van an", birth="1958-02-01"), ("same-name-and-birth",)),
        (PersonDraft(name="Nguyễn Văn Ân", birth="1958", phone="0000123456"), ("same-name-and-year", "same-phone")),
        (PersonDraft(name="Nguyễn Văn Ân", birth="1958-02-02"), None),
        (PersonDraft(name="Nguyễn Văn Ân"), None),
        (PersonDraft(), None),
    ],
)
async def test_who_might_be_the_same_person_is_named_with_reasons(store, system, people, draft, reasons):
    async with store.begin(system) as tx:
        found = await patients.duplicates(tx, draft)
    if reasons is None:
        assert found == []
    else:
        assert (found[0].found.patient["id"], found[0].reasons) == (people[AN.name], reasons)
        assert found[0].certain == ("same-number" in reasons)

"""A card that is shown after the arrival: one button puts it on the open visit, from that moment on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lienmach.care import charges, coverages, insurance, orders, resources, visit_cards, visit_facts
from tests.clinic import Clinic
from tests.web.client import Browser

NUMBER = "DN4860000000001"


@pytest.fixture
async def patient(clinic: Clinic) -> str:
    own = await clinic.patient(identifier=[{"system": coverages.CARD, "value": NUMBER}])

    async def keep(tx: object) -> None:
        await insurance.ask(tx, own)  # type: ignore[arg-type]

    await clinic.store.run(clinic.actor("reception"), keep)
    return own


async def stored(clinic: Clinic, visit: str) -> dict[str, object]:
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        return await resources.read(tx, "Encounter", visit)


@pytest.mark.parametrize("role", ["reception", "insurance"])
async def test_a_card_shown_late_counts_from_that_moment(
    clinic: Clinic, browser: Browser, patient: str, role: str
) -> None:
    visit = await clinic.visit(patient, category="9")
    await browser.sign_in(role)
    await browser.get(f"/insurance/patients/{patient}/card")
    assert "đang mở mà chưa có thẻ" in browser.words() and visit in browser.page
    answer = await browser.post(f"/insurance/patients/{patient}/card", {"visit": visit, "step": "show-late"})
    assert answer.status_code == 303, browser.words()
    encounter = await stored(clinic, visit)
    assert visit_facts.coverage_of(encounter) and visit_cards.shown_late_at(encounter) is not None
    assert visit_facts.category_of(encounter) == "1.12" and visit_facts.is_category_provisional(encounter)
    await browser.get(answer.headers["location"])
    assert "chưa có thẻ" not in browser.words()

    async def order(tx: object) -> None:
        lines = [orders.OrderLine("XN-CREA", has_consent=True)]
        await orders.place(tx, visit, lines)  # type: ignore[arg-type]

    await clinic.store.run(clinic.actor("doctor"), order)
    async with clinic.store.begin(clinic.actor("doctor")) as tx:
        amounts = await charges.of_visit(tx, visit)
    assert [one.why for one in amounts.lines] == ["late-card", ""]


async def test_a_visit_with_a_card_an_ended_one_or_another_persons_is_refused(
    clinic: Clinic, browser: Browser, patient: str
) -> None:
    await browser.sign_in("reception")
    page = f"/insurance/patients/{patient}/card"
    other = await clinic.visit(await clinic.patient(name=[{"text": "Ai Khác"}]), category="9")
    visit = await clinic.visit(patient, category="9")
    await browser.get(page)
    assert (await browser.post(page, {"visit": visit, "step": "show-late"})).status_code == 303
    for own in (visit, other, "", "nobody"):
        answer = await browser.post(page, {"visit": own, "step": "show-late"})
        assert answer.status_code == 409 and "không phải của người này" in browser.words()
    assert not visit_facts.coverage_of(await stored(clinic, other))


async def test_without_a_card_in_the_record_there_is_no_button_and_no_change(clinic: Clinic, browser: Browser) -> None:
    own = await clinic.patient()
    visit = await clinic.visit(own, category="9")
    await browser.sign_in("insurance")
    await browser.get(f"/insurance/patients/{own}/card")
    assert "show-late" not in browser.page
    answer = await browser.post(f"/insurance/patients/{own}/card", {"visit": visit, "step": "show-late"})
    assert answer.status_code == 409 and "Chưa có thẻ BHYT" in browser.words()


async def test_a_doctor_does_not_put_cards_on_visits(
    clinic: Clinic, browser_at: Callable[..., Browser], patient: str
) -> None:
    visit = await clinic.visit(patient, category="9")
    doctor = browser_at()
    await doctor.sign_in("doctor")
    await doctor.get("/")
    answer = await doctor.post(f"/insurance/patients/{patient}/card", {"visit": visit, "step": "show-late"})
    assert answer.status_code == 403 and not visit_facts.coverage_of(await stored(clinic, visit))

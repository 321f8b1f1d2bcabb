"""Story 1: one insured outpatient visit, one truth — the whole of it in a real browser, role by role.

The facilities of the story are Organizations of one tenant: a district hospital, a commune station, a pharmacy. Imaging
stops at the order. Insurer, bank, message gateway and prescription system are the simulators of the demo node.
Everything goes through the pages that people use; the FHIR API brings what another facility did and reads what was
stored. Pictures of every screen: see story_screens.py.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from lienmach.base import postgres
from lienmach.base.settings import Settings
from tests.browser import (
    story_arrival,
    story_booking,
    story_chart,
    story_citizen,
    story_claims,
    story_cold,
    story_laboratory,
    story_leaders,
    story_money,
    story_pharmacy,
    story_prescription,
    story_record,
)
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.story_node import StoryNode
from tests.browser.story_screens import PICTURES, Screens


@pytest.fixture(scope="module")
def story_node() -> Iterator[StoryNode]:
    """A demo node as it is after its first start."""
    if not CHROMIUM.exists():
        pytest.skip("These tests need a browser: apt-get install chromium")
    home = Path(tempfile.mkdtemp(prefix="lm-story-"))
    one = StoryNode(home)
    one.run()
    try:
        yield one
    finally:
        one.stop()
        postgres.destroy(replace(Settings(), home=home))
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def screens(story_node: StoryNode, tmp_path: Path) -> Iterator[Screens]:
    """Seats for everybody."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        found = Screens(browser, story_node, Path(PICTURES) if PICTURES else tmp_path)
        yield found
        found.close()
        browser.close()


def test_story_one_from_booking_to_the_funds_answer(screens: Screens, tmp_path: Path) -> None:
    """Every role in turn. Two more people come meanwhile: one pays all in parts, one has nothing to pay."""
    node = screens.node
    patient_id = _arrive(screens)
    encounter_id = _order(screens, patient_id)
    story_money.open_shift(screens)
    story_money.take_deposit(screens, encounter_id)
    story_cold.receive(screens, story_cold.SELF_PAYING)
    story_cold.receive(screens, story_cold.INSURED, story_cold.INSURED_CARD)
    _measure(screens, patient_id)
    code = _sign(screens, encounter_id)
    ma_lk = story_claims.queued(screens, encounter_id)
    story_pharmacy.refuse(screens, code)
    story_money.close_at_desk(screens, encounter_id)
    story_money.pay_by_code(screens, encounter_id)
    story_pharmacy.give(screens, code)
    _pay_of_others(screens)
    story_pharmacy.sell(screens, code)
    story_claims.sent(screens, encounter_id, ma_lk)
    story_pharmacy.take_back(screens, code)
    story_claims.plant(screens, encounter_id, ma_lk)
    story_money.close_again(screens, encounter_id)
    story_money.refund(screens, encounter_id)
    story_money.close_shift(screens)
    story_claims.rejected(screens, encounter_id)
    story_leaders.see_loss(screens)
    story_claims.work_off(screens, encounter_id)
    tables = story_claims.export(node, tmp_path / "claims", encounter_id, ma_lk)
    story_claims.check_times(tables)
    story_leaders.look(screens)
    story_leaders.look_from_outside(screens, patient_id)
    story_citizen.sign_in(screens)
    story_citizen.read(screens, encounter_id, code)
    story_citizen.see_who_opened(screens)
    story_record.who_opened(screens, patient_id)
    story_record.find_by_fhir(node, patient_id)
    story_record.check_times(node, patient_id, encounter_id)
    story_record.verify(screens, encounter_id)
    assert not screens.wrong, "\n".join(screens.wrong)


def test_a_common_cold_takes_at_most_twelve_interactions_on_a_node_as_people_run_it(screens: Screens) -> None:
    story_cold.receive(screens)
    hand = story_cold.treat(screens)
    assert hand.count <= story_cold.INTERACTIONS_MAX, hand.count
    story_money.open_shift(screens)
    story_money.pay_in_cash(screens, story_cold.NAME)
    assert not screens.wrong, "\n".join(screens.wrong)


def _arrive(screens: Screens) -> str:
    """Steps 1 and 2: booked, received, found. Returns the Patient's id."""
    story_booking.book(screens)
    story_booking.race(screens)
    patient_id = story_arrival.receive(screens)
    story_arrival.address(screens, patient_id)
    story_arrival.board(screens)
    story_arrival.search(screens)
    story_arrival.register_again(screens)
    return patient_id


def _order(screens: Screens, patient_id: str) -> str:
    """Step 3: the doctor calls and orders. Returns the Encounter's id."""
    story_chart.seed_earlier_result(screens.node, patient_id)
    encounter_id = story_chart.call(screens)
    story_chart.weigh(screens)
    story_chart.set_allergy(screens)
    story_chart.order(screens)
    return encounter_id


def _measure(screens: Screens, patient_id: str) -> None:
    """Step 4: the laboratory."""
    tubes = story_laboratory.collect(screens)
    story_laboratory.show_analyser(screens)
    story_laboratory.measure(screens, tubes["serum"])
    story_laboratory.acknowledge(screens, patient_id)
    story_laboratory.release(screens)
    story_laboratory.release_glycated(screens, tubes["edta"])
    story_laboratory.unknown_tube(screens)


def _sign(screens: Screens, encounter_id: str) -> str:
    """Step 6: diagnosis, prescription, the finding mended, signed and sent. Returns the prescription's code."""
    story_prescription.diagnose(screens, encounter_id)
    story_prescription.prescribe(screens)
    story_prescription.mend_finding(screens, encounter_id)
    story_prescription.sign(screens)
    return story_prescription.print_and_send(screens, encounter_id)


def _pay_of_others(screens: Screens) -> None:
    """Step 7 again: in parts, with a notice that is lost; and nothing to pay."""
    story_cold.treat(screens, story_cold.SELF_PAYING, "")
    story_money.pay_in_parts(screens, story_cold.SELF_PAYING)
    story_cold.treat(screens, story_cold.INSURED, "")
    story_money.pay_nothing(screens, story_cold.INSURED)

"""Story 1: one insured outpatient visit, one truth — its steps of care in a real browser, role by role.

The facilities of the story are Organizations of one tenant: a district hospital, a commune station, a pharmacy. Imaging
stops at the order. Everything goes through the pages that people use; the FHIR API brings what another facility did and
reads what was stored. Pictures of every screen: see story_screens.py.
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
    story_cold,
    story_laboratory,
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


def test_the_care_steps_of_story_one(screens: Screens) -> None:
    node = screens.node
    story_booking.book(screens)
    story_booking.race(screens)
    patient_id = story_arrival.receive(screens)
    story_arrival.address(screens, patient_id)
    story_arrival.board(screens)
    story_arrival.search(screens)
    story_arrival.register_again(screens)
    story_chart.seed_earlier_result(node, patient_id)
    encounter_id = story_chart.call(screens)
    story_chart.set_allergy(screens)
    story_chart.order(screens)
    tubes = story_laboratory.collect(screens)
    story_laboratory.show_analyser(screens)
    story_laboratory.measure(screens, tubes["serum"])
    story_laboratory.acknowledge(screens, patient_id)
    story_laboratory.release(screens)
    story_laboratory.unknown_tube(screens)
    story_prescription.diagnose(screens, encounter_id)
    story_prescription.prescribe(screens)
    story_prescription.sign(screens)
    code = story_prescription.print_and_send(screens, encounter_id)
    story_pharmacy.give(screens, code)
    story_pharmacy.sell(screens, code)
    story_record.who_opened(screens, patient_id)
    story_record.find_by_fhir(node, patient_id)
    story_record.check_times(node, patient_id, encounter_id)
    story_record.verify(screens, encounter_id)
    assert not screens.wrong, "\n".join(screens.wrong)


def test_a_common_cold_takes_at_most_twelve_interactions_on_a_node_as_people_run_it(screens: Screens) -> None:
    story_cold.receive(screens)
    hand = story_cold.treat(screens)
    assert hand.count <= story_cold.INTERACTIONS_MAX, hand.count
    assert not screens.wrong, "\n".join(screens.wrong)

"""Links in a transaction: those that are links are replaced, the same text elsewhere is not."""

from __future__ import annotations

import pytest

from lienmach.standards.fhir import definitions, links

U = "urn:uuid:0b8d2b5e-6a3f-4d0e-9b1a-1f6f0c1d2e3f"
MAPPING = {U: "Patient/7", "http://h/fhir/Patient/9": "Patient/8", "Patient?identifier=a|b": "Patient/6"}


def rewrite(text: str, mapping: dict[str, str] = MAPPING) -> str:
    return links.rewrite(definitions.load(), text.encode(), mapping).decode()


@pytest.mark.parametrize("mapping", [{U: "Patient/7"}, MAPPING])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"subject":{"reference":"URN"}', '"subject":{"reference":"Patient/7"}'),
        ('"subject" : { "reference" :\n"URN" }, "x":1.00', '"subject" : { "reference" :\n"Patient/7" }, "x":1.00'),
        ('"subject":{"reference":"URN#part"}', '"subject":{"reference":"Patient/7#part"}'),
        ('"subject":{"reference":"\\u0075RN_"}', '"subject":{"reference":"Patient/7"}'),
        (
            '"extension":[{"url":"http://x","valueUri":"URN"}]',
            '"extension":[{"url":"http://x","valueUri":"Patient/7"}]',
        ),
        (
            '"extension":[{"url":"http://x","valueUrl":"URN"}]',
            '"extension":[{"url":"http://x","valueUrl":"Patient/7"}]',
        ),
        (
            '"extension":[{"url":"http://x","valueUuid":"URN"}]',
            '"extension":[{"url":"http://x","valueUuid":"Patient/7"}]',
        ),
        ('"meta":{"source":"URN"}', '"meta":{"source":"Patient/7"}'),
        (
            '"contained":[{"resourceType":"Patient","link":[{"other":{"reference":"URN"}}]}]',
            '"contained":[{"resourceType":"Patient","link":[{"other":{"reference":"Patient/7"}}]}]',
        ),
    ],
)
def test_links_are_replaced(mapping: dict[str, str], before: str, after: str) -> None:
    body = '{"resourceType":"Observation",' + before.replace("\\u0075RN_", "\\u0075" + U[1:]).replace("URN", U)
    assert rewrite(body + "}", mapping) == '{"resourceType":"Observation",' + after + "}"


@pytest.mark.parametrize("mapping", [{U: "Patient/7"}, MAPPING])
@pytest.mark.parametrize(
    "same",
    [
        '"identifier":[{"system":"urn:ietf:rfc:3986","value":"URN"}]',
        '"note":[{"text":"URN"}]',
        '"note":[{"text":"see \\"URN\\" and \\"reference\\":\\"URN\\""}]',
        '"valueString":"URN"',
        '"subject":{"reference":"URN-and-more","display":"URN"}',
        '"subject":{"identifier":{"value":"URN"}}',
        '"meta":{"profile":["URN"]}',
        '"extension":[{"url":"http://x","valueCanonical":"URN"}]',
        '"note":[{"text":"<a href=\\"URN\\">x</a>"}]',
        '"text":{"div":"<div>href=\\"URN\\" URN</div>"}',
        '"unknown":{"URN":"URN"}',
    ],
)
def test_the_same_text_elsewhere_stays(mapping: dict[str, str], same: str) -> None:
    body = ('{"resourceType":"Observation",' + same + "}").replace("URN", U)
    assert rewrite(body, mapping) == body


def test_links_and_look_alikes_in_one_resource_are_told_apart() -> None:
    body = (
        '{"resourceType":"Observation","identifier":[{"system":"URN","value":"URN"}],'
        '"subject":{"reference":"URN","display":"URN"},"instantiates":"URN"}'
    )
    assert rewrite(body.replace("URN", U)) == (
        '{"resourceType":"Observation","identifier":[{"system":"Patient/7","value":"URN"}],'
        '"subject":{"reference":"Patient/7","display":"URN"},"instantiates":"URN"}'
    ).replace("URN", U)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a href=\\"URN\\">x</a>', '<a href=\\"Patient/7\\">x</a>'),
        ("<a title='>' href = 'URN#p'>x</a>", "<a title='>' href = 'Patient/7#p'>x</a>"),
        ('<img alt=\\"URN\\" src=\\"URN\\"/>', '<img alt=\\"URN\\" src=\\"Patient/7\\"/>'),
        ('<p title=\\"href=URN\\">URN</p>', '<p title=\\"href=URN\\">URN</p>'),
    ],
)
def test_links_of_the_narrative_are_replaced(before: str, after: str) -> None:
    frame = '{{"resourceType":"Patient","text":{{"status":"generated","div":"<div>{}</div>"}}}}'
    assert rewrite(frame.format(before.replace("URN", U))) == frame.format(after.replace("URN", U))


def test_other_full_urls_and_conditions_are_replaced_whole() -> None:
    body = '{"resourceType":"Observation","subject":{"reference":"%s"}}'
    assert rewrite(body % "http://h/fhir/Patient/9") == body % "Patient/8"
    assert rewrite(body % "Patient?identifier=a|b") == body % "Patient/6"
    assert rewrite(body % "http://h/fhir/Patient/99") == body % "http://h/fhir/Patient/99"


def test_no_mapping_changes_nothing() -> None:
    assert rewrite("not even JSON", {}) == "not even JSON"

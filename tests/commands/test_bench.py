"""The benchmark measures the node and not itself: valid data, and a client that reads every way an answer may come."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from lienmach.bench import client, data, processes
from lienmach.standards.fhir import definitions, validate


def test_all_its_resources_are_valid_marked_and_always_the_same():
    lines = list(data.lines(5, 2))
    assert lines == list(data.lines(5, 2))
    assert len(lines) == 2 * data.RESOURCES_A_PATIENT
    for line in [*lines, data.dump(data.weight(1, 2)), data.dump(data.patient(3, with_id=False))]:
        resource = json.loads(line)
        assert validate.validate(definitions.load(), resource) == []
        assert resource["meta"]["security"][0]["code"] == "HTEST"


def test_its_transaction_points_only_to_itself():
    bundle = json.loads(data.transaction(7, 5))
    names = {entry["fullUrl"] for entry in bundle["entry"]}
    assert len(names) == len(bundle["entry"]) == 5 * data.RESOURCES_A_PATIENT
    text = json.dumps(bundle)
    assert '"reference": "Patient/' not in text
    assert all(
        f'"reference": "{entry["fullUrl"]}"' in text
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "Patient"
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1000])
async def test_an_answer_is_read_in_whatever_pieces_it_comes(answer, piece):
    async def serve(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            for at in range(0, len(answer), piece):
                writer.write(answer[at : at + piece])
                await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, one = await asyncio.get_running_loop().create_connection(client.Connection, "127.0.0.1", port)
    for _ in range(2):
        assert await one.ask(client.request("GET", "/x", "h", "t")) == client.Answer(201, b"hello")
    one.close()
    server.close()


def test_its_own_process_tree_uses_time_and_memory():
    assert processes.cpu_seconds(os.getpid()) > 0
    assert processes.memory(os.getpid()).rss_mb > 1

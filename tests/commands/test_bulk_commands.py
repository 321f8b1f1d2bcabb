"""The commands as a person meets them: exit codes and last words of import, export and verify."""

from __future__ import annotations

import argparse
import asyncio
import json

import asyncpg
import pytest

from lienmach.base import errors
from lienmach.commands import export, import_, verify
from lienmach.record import tenants
from tests.commands import bundles
from tests.commands.bundles import patient


@pytest.fixture
def command(settings, owner_url):
    """Run a command on this test's database, which has the tenant `main`."""

    async def add_tenant():
        owner = await asyncpg.connect(owner_url)
        try:
            await tenants.add(owner, "main", "Trạm y tế thử")
        finally:
            await owner.close()

    asyncio.run(add_tenant())

    def run(module, *arguments):
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        return module.run(settings, parser.parse_args([str(one) for one in arguments]))

    return run


def test_import_export_and_verify_say_what_they_did(command, tmp_path, capsys):
    bundles.write(tmp_path / "a.ndjson", "\n".join(json.dumps(patient(f"p{n}")) for n in range(3)))
    assert command(import_, tmp_path / "a.ndjson") == 0
    assert "3 resources taken (3 new, 0 changed), 0 were there already, 0 refused." in capsys.readouterr().out
    assert command(import_, tmp_path / "a.ndjson") == 0
    assert "3 were there already" in capsys.readouterr().out
    assert command(export, tmp_path / "out") == 0
    assert len((tmp_path / "out" / "Patient.ndjson").read_text().splitlines()) == 3
    capsys.readouterr()
    assert command(verify) == 0
    # three patients, the import's event, and the export's: opening it was an access too
    assert "main: the chain holds, 5 versions" in capsys.readouterr().out


def test_an_import_with_a_refusal_ends_with_1_and_names_the_file(command, settings, tmp_path, capsys):
    bundles.write(tmp_path / "a.json", json.dumps(patient("p1") | {"colour": "red"}))
    assert command(import_, tmp_path / "a.json") == 1
    said = capsys.readouterr().out
    assert "1 refused" in said
    (file,) = (settings.home / "imports").iterdir()
    assert str(file) in said


def test_a_wrong_record_ends_verify_with_1(command, owner_url, tmp_path, capsys):
    bundles.write(tmp_path / "a.json", json.dumps(patient("p1")))
    command(import_, tmp_path / "a.json")

    async def alter():
        owner = await asyncpg.connect(owner_url)
        await owner.execute("update version set id = 'p2' where seq = 1")
        await owner.close()

    asyncio.run(alter())
    assert command(verify, "--tenant", "main") == 1
    assert "THE CHAIN DOES NOT HOLD. Row 1" in capsys.readouterr().out


@pytest.mark.parametrize("module", [import_, export])
def test_a_tenant_that_is_not_here_is_named(command, tmp_path, module):
    bundles.write(tmp_path / "a.json", json.dumps(patient("p1")))
    with pytest.raises(errors.NotFound, match="nobody"):
        command(module, *([tmp_path / "a.json"] if module is import_ else [tmp_path / "out"]), "--tenant", "nobody")


def test_verify_of_a_tenant_that_is_not_here_ends_with_1(command):
    assert command(verify, "--tenant", "nobody") == 1


def test_an_export_of_an_unknown_type_is_refused(command, tmp_path):
    with pytest.raises(errors.Invalid, match="Unicorn"):
        command(export, tmp_path / "out", "--types", "Patient,Unicorn")

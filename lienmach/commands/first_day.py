"""Open a home for its first day of work: code lists, and in a demo home clinic, stock, times to book and signing keys.

Done before the door opens, once for each version of the code lists that we bring; a mark in the home remembers which.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from lienmach.base import db
from lienmach.base.actor import Actor
from lienmach.base.settings import Settings
from lienmach.record.transaction import Store, Transaction

_MARK = "opened"
ANALYSER = "SIM-1"  # the name that the simulator sends by default
ANALYSER_CODES = "K NA CL GLU UREA CREA AST ALT CHOL TG HBA1C WBC RBC HGB PLT"  # its codes are our indicators' codes
PIN_FILE = "demo-pin.txt"  # care/population/opening.py makes it
_PACKAGE = Path(__file__).parent.parent


async def open_home(settings: Settings, *, is_demo: bool) -> None:
    """Bring in what is missing, unless the mark says that this version has done so. settings: with the database's URL."""
    mark, wanted = settings.home / _MARK, _version(is_demo)
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return
    from lienmach import app  # here, for a warm start does not need it
    from lienmach.care.population import opening

    assert settings.database_url is not None
    pool = await db.connect_pool(settings.database_url, min=1, max=6)
    try:
        store = await app.open_store(settings, pool)
        try:
            for tenant in store.tenants:
                system = Actor(tenant, "system", frozenset(["system"]), "HOPERAT", "lienmach run")
                await opening.open_home(store, system, is_demo=is_demo and tenant == 1)
                if is_demo and tenant == 1:
                    await add_analyser(store, system)
        finally:
            await store.close()
    finally:
        await pool.close()
    mark.write_text(wanted, encoding="utf-8")


async def add_analyser(store: Store, actor: Actor) -> None:
    """The analyser that `lienmach simulate analyser` plays, with its codes; nothing if it is there. Safe to run twice."""
    from lienmach.departments.laboratory import machines

    async def work(tx: Transaction) -> None:
        if await machines.of_sender(tx, ANALYSER) is not None:
            return
        own = await machines.add(tx, code=ANALYSER, name="Máy xét nghiệm giả lập (mẫu)", dialect="hl7")
        for code in ANALYSER_CODES.split():
            await machines.map_code(tx, own, code, code)

    await store.run(actor, work)


def _version(is_demo: bool) -> str:
    """What the home is filled from: the kind of home and the bytes of the code lists."""
    digest = hashlib.sha256(b"demo" if is_demo else b"empty")
    for path in sorted((_PACKAGE / "care" / "catalogue").iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()

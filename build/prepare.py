"""Make `.venv/` what the locks say, then the assets; quick when nothing changed. Run by the Makefile.

Runs on the machine's own Python 3.11 with the standard library only:

    python3 build/prepare.py run     what `make run` needs
    python3 build/prepare.py dev     and what checks and tests need
    python3 build/prepare.py test    and a browser, if this machine lets us install one

Needs nothing installed by hand: uv comes from its own hashed lock. Each step leaves a stamp.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main(goal: str) -> None:
    """Bring everything up to `goal`: run, dev or test."""
    _venv()
    lock = "requirements.lock" if goal == "run" else "requirements-dev.lock"
    _packages(lock)
    _assets()
    _project()
    if goal == "test":
        _browser()


def _venv() -> None:
    if PYTHON.exists():
        return
    if sys.version_info < (3, 11):
        raise SystemExit(f"Liền Mạch needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    _say("Making .venv/")
    if _run([sys.executable, "-m", "venv", str(VENV)], check=False):
        return
    # Debian keeps `ensurepip` in a package of its own.
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    shutil.rmtree(VENV, ignore_errors=True)
    if not _apt(package) or not _run([sys.executable, "-m", "venv", str(VENV)], check=False):
        shutil.rmtree(VENV, ignore_errors=True)
        raise SystemExit(f"This Python cannot make a virtual environment; install the package {package}.")


def _packages(lock: str) -> None:
    """Install a lock with its hashes. Packages that are there and not in the lock are left alone."""
    mark = VENV / f".stamp-{lock}"
    wanted = _hash(ROOT / lock, ROOT / "requirements-uv.lock")
    if mark.exists() and mark.read_text() == wanted:
        return
    if not (VENV / "bin" / "uv").exists():
        _say("Installing uv")
        _run([str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes",
              "-r", "requirements-uv.lock"])  # fmt: skip
    _say(f"Installing {lock}")
    # Compiled now, or the first start pays for it.
    compiled = ["--compile-bytecode"] if lock == "requirements.lock" else []
    _uv("pip", "install", "-q", "--require-hashes", *compiled, "-r", lock)
    mark.write_text(wanted)


def _assets() -> None:
    sys.path.insert(0, str(ROOT / "build"))
    import assets

    if not assets.is_current(ROOT):
        _say("Fetching assets and FHIR definitions")
        _run([str(PYTHON), "build/assets.py"])


def _project() -> None:
    """Put `lienmach` into .venv/ as a link to this checkout."""
    mark = VENV / ".stamp-project"
    wanted = _hash(ROOT / "pyproject.toml") + str(ROOT)
    if mark.exists() and mark.read_text() == wanted and (VENV / "bin" / "lienmach").exists():
        return
    _say("Linking lienmach into .venv/")
    _uv("pip", "install", "-q", "--no-deps", "--no-build-isolation", "--editable", ".")
    _run([str(PYTHON), "-m", "compileall", "-q", "lienmach"], check=False)
    mark.write_text(wanted)


def _browser() -> None:
    if shutil.which("chromium") or _apt("chromium"):
        return
    _say("The browser tests are left out: they need Debian's package chromium (apt-get install chromium).")


def _apt(package: str) -> bool:
    """Install a Debian package where we may; returns whether it is there now."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    _say(f"Installing the Debian package {package}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], check=False, env=quiet)
    return _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], check=False, env=quiet)


def _uv(*args: str) -> None:
    _run([str(VENV / "bin" / "uv"), *args], env={**os.environ, "VIRTUAL_ENV": str(VENV)})


def _run(command: list[str], *, check: bool = True, env: dict[str, str] | None = None) -> bool:
    done = subprocess.run(command, cwd=ROOT, env=env)
    if check and done.returncode:
        raise SystemExit(f"`{' '.join(command[:4])} …` failed; the lines above say why.")
    return done.returncode == 0


def _hash(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _say(words: str) -> None:
    print(f"· {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("run", "dev", "test"):
        raise SystemExit("python3 build/prepare.py run|dev|test")
    main(sys.argv[1])

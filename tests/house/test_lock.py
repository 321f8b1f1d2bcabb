"""What we depend on is pinned, hashed, named without an address, and free to pass on."""

from __future__ import annotations

import json
import re
import tomllib
from functools import lru_cache
from importlib import metadata

import pytest

from tests.house import source

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]+\])?==([^\s;\\]+)")
#: Licences that bind those who pass the program on. LGPL is not among them: it binds the library only.
_BINDING = re.compile(r"(?<![L])\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
#: distribution -> a sentence: why a licence text that mentions one of them is no trouble.
LICENCE_NOTES: dict[str, str] = {}


@lru_cache(maxsize=8)
def locked(name: str) -> dict[str, tuple[str, int]]:
    """distribution -> (version, number of hashes) of a lock."""
    found = {}
    text = (source.ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            match = _PIN.match(line)
            assert match, f"{name}: every line pins one version with ==; this does not: {line[:80]}"
            found[_plain(match[1])] = (match[2], line.count("--hash=sha256:"))
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_is_pinned_and_hashed(name: str) -> None:
    bare = [one for one, (_, hashes) in locked(name).items() if not hashes]
    assert not bare, f"{name}: run `make lock`; these have no hash: {bare}"


@pytest.mark.parametrize("name", [*LOCKS, "package-lock.json", "package.json", ".npmrc", "pyproject.toml"])
def test_no_lock_names_an_address(name: str) -> None:
    text = (source.ROOT / name).read_text(encoding="utf-8")
    addresses = sorted(
        {
            one
            for one in re.findall(r"(?:https?|git\+[a-z]+|file)://[^\s\"']+", text)
            if not (name == "package-lock.json" and _is_funding(text, one))
        }
    )
    assert not addresses and "--index-url" not in text and "--find-links" not in text, (
        f"{name}: an address fixes the place to fetch from; `make lock` leaves it out: {addresses[:5]}"
    )


def _is_funding(text: str, address: str) -> bool:
    """Where a package asks for gifts is no place to fetch from."""
    return bool(re.search(r'"(url|funding)": "' + re.escape(address) + '"', text))


def test_every_wanted_distribution_is_locked() -> None:
    project = tomllib.loads((source.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    missing = [one for one in wanted if _plain(re.split(r"[\[<>=!~; ]", one)[0]) not in locked("requirements.lock")]
    assert not missing, f"Run `make lock`; requirements.lock lacks {missing}"
    developers = [one for one in project["dependency-groups"]["dev"] if isinstance(one, str)]
    missing = [
        one for one in developers if _plain(re.split(r"[\[<>=!~; ]", one)[0]) not in locked("requirements-dev.lock")
    ]
    assert not missing, f"Run `make lock`; requirements-dev.lock lacks {missing}"


def test_the_two_locks_agree() -> None:
    plain, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    apart = [name for name in plain if name in dev and plain[name][0] != dev[name][0]]
    assert not apart, f"Run `make lock`; these have two versions: {apart}"


def test_packages_from_npm_are_pinned_and_hashed() -> None:
    wanted = json.loads((source.ROOT / "package.json").read_text(encoding="utf-8"))
    loose = {
        name: version
        for kind in ("dependencies", "devDependencies")
        for name, version in wanted.get(kind, {}).items()
        if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    }
    assert not loose, f"package.json: say exact versions: {loose}"
    lock = json.loads((source.ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    wrong = [
        name
        for name, one in packages.items()
        if "resolved" in one or not one.get("integrity", "").startswith("sha512-")
    ]
    assert packages and not wrong, f"package-lock.json: resolve again with .npmrc as it is: {wrong}"
    binding = [name for name, one in packages.items() if _BINDING.search(str(one.get("license", "")))]
    assert not binding, f"These may not be passed on with us: {binding}"


def test_no_runtime_dependency_binds_those_who_pass_us_on() -> None:
    """GPL and AGPL would bind the whole program; the licence of what is installed is read, not believed."""
    wrong = []
    for name in locked("requirements.lock"):
        try:
            told = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform
        words = [told.get("License-Expression") or "", *(told.get_all("Classifier") or [])]
        licence = (told.get("License") or "").strip()
        words.append(licence.splitlines()[0] if licence else "")  # some put the whole text here
        said = "; ".join(one for one in words if "icen" in one or one in words[:1] or one == words[-1])
        if _is_binding(said) and name not in LICENCE_NOTES:
            wrong.append(f"{name}: {said[:120]}")
    assert not wrong, source.report("Find another library, or carry its data with their notice:", wrong)


def _is_binding(said: str) -> bool:
    """Whether no permissive or lesser licence is offered beside a binding one ("MIT OR GPL" is fine)."""
    without_lesser = re.sub(r"LGPL[-\w.+]*|GNU (Lesser|Library) General Public\w*[^;]*", "", said, flags=re.IGNORECASE)
    offered = [one for one in re.split(r"\bOR\b|;", without_lesser, flags=re.IGNORECASE) if one.strip()]
    binding = [one for one in offered if _BINDING.search(one)]
    return bool(binding) and len(binding) == len(offered)


def test_the_licence_is_apache() -> None:
    text = (source.ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert 'license = "Apache-2.0"' in (source.ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_what_a_build_makes_is_not_committed() -> None:
    ignored = (source.ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for made in (
        "/.venv/",
        "/node_modules/",
        "/lienmach/web/static/vendor/",
        "/lienmach/standards/fhir/definitions/r4.json.gz",
        "/data/",
    ):
        assert made in ignored, f".gitignore lacks {made}: nothing that a build makes or a node keeps is committed"


def test_every_dependency_is_argued_for() -> None:
    project = tomllib.loads((source.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [re.split(r"[\[<>=!~; ]", one)[0] for one in project["project"]["dependencies"]]
    packages = json.loads((source.ROOT / "package.json").read_text(encoding="utf-8"))
    wanted += [*packages.get("dependencies", {}), *packages.get("devDependencies", {})]
    text = (source.ROOT / "docs" / "explanation" / "dependencies.md").read_text(encoding="utf-8")
    missing = [name for name in wanted if f"| `{name}` |" not in text]
    assert not missing, source.report(
        "docs/explanation/dependencies.md: say what these save us, and their licence:", missing
    )
    told = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    gone = [name for name in told if name not in wanted]
    assert not gone, source.report("docs/explanation/dependencies.md: these are no longer used:", gone)

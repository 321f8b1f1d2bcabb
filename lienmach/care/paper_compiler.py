"""The child process that compiles templates: a template is a program, so it runs where there is nothing to take.

Started by paper_press.py as a script of its own, it imports nothing of the house. When its fonts are read it gives up
the right to open anything: no file, no socket, no pipe can be opened after that, nothing can be written, and memory
and processor time end. It answers jobs on standard input until that is closed.

A message is 4 bytes of length (big-endian) and JSON; an answer is followed by 4 bytes of length and the document.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 10
OUTPUT_BYTES_MAX = 16 * 1024 * 1024
PAGES_MAX = 60
_COUNT = re.compile(rb"/Type/Pages/Count (\d+)")
_WEIGHTS = ("thin", "extralight", "light", "regular", "medium", "semibold", "bold", "extrabold", "black")


def main() -> None:
    """Answer jobs until standard input ends."""
    import fontpkg_be_vietnam_pro
    import typst

    fonts = Path(fontpkg_be_vietnam_pro.__file__).parent / "files"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with tempfile.TemporaryDirectory(prefix="lm-paper-") as root:
        compiler: Any = typst.Compiler(  # type: ignore[misc]  # its type has a parameter of no use
            b"", root=root, font_paths=[str(fonts)], ignore_system_fonts=True, package_path=root,
            package_cache_path=root,
        )  # fmt: skip
        compiler.compile(input=_warm_up().encode(), format="pdf", timestamp=0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    _answer(compiler, sys.stdin.buffer, sys.stdout.buffer)


def _warm_up() -> str:
    """A document in every style of the font, so that no font file is opened later."""
    styles = "".join(
        f'#text(font: "Be Vietnam Pro", weight: "{weight}", style: "{style}")[Liền Mạch]\n'
        for weight in _WEIGHTS
        for style in ("normal", "italic")
    )
    return styles + '#text(font: "Be Vietnam Pro")[→ ≥ ☐ ✓] $x$ `x`'


def _answer(compiler: Any, jobs: BinaryIO, answers: BinaryIO) -> None:
    write_message(answers, {"ready": True}, b"")
    while (job := _read(jobs)) is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
        write_message(answers, *_compile(compiler, job))


def _compile(compiler: Any, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    import typst

    try:
        made = compiler.compile(
            input=job["source"].encode(),
            format=job["format"],
            ppi=job.get("ppi"),
            sys_inputs=job["inputs"],
            pdf_standards=job.get("standards") or [],
            timestamp=job["timestamp"],
        )
    except typst.TypstError as problem:
        hints = [str(one) for one in getattr(problem, "hints", None) or ()]
        diagnostic = str(getattr(problem, "diagnostic", "") or "")[:4000]
        return {"error": str(problem.message)[:1000], "hints": hints[:5], "diagnostic": diagnostic}, b""
    except Exception as problem:  # whatever the library raises is an answer: the parent decides
        return {"error": f"{type(problem).__name__}: {problem}"[:1000], "hints": [], "diagnostic": ""}, b""
    pages = made if isinstance(made, list) else [made]
    count = max([len(pages), *(int(one) for one in _COUNT.findall(pages[0]))])
    if count > PAGES_MAX or len(pages[0]) > OUTPUT_BYTES_MAX:
        return {
            "error": f"the document has {count} pages; the limit is {PAGES_MAX}",
            "hints": [],
            "diagnostic": "",
        }, b""
    return {}, pages[0]


def write_message(out: BinaryIO, message: dict[str, Any], document: bytes) -> None:
    """Write an answer and its document."""
    text = json.dumps(message).encode()
    out.write(len(text).to_bytes(4, "big") + text + len(document).to_bytes(4, "big") + document)
    out.flush()


def _read(jobs: BinaryIO) -> dict[str, Any] | None:
    head = jobs.read(4)
    if len(head) < 4:
        return None
    job: dict[str, Any] = json.loads(jobs.read(int.from_bytes(head, "big")))
    return job


if __name__ == "__main__":
    main()

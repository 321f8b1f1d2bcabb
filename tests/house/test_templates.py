"""A part of a page that is sent by itself brings along what it draws with."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from lienmach import app
from lienmach.web import rendering

#: Blocks of the frame: a whole page fills them, after what it imports.
_WHOLE = ("title", "head", "banner", "width", "body", "keys")


def _bound(root: nodes.Node) -> Iterator[str]:
    """What a template, or a block of it, imports, defines or sets, but for its inner blocks."""
    for one in root.iter_child_nodes():
        if isinstance(one, nodes.Block):
            continue
        if isinstance(one, nodes.Import):
            yield one.target
        elif isinstance(one, nodes.FromImport):
            yield from (name if isinstance(name, str) else name[1] for name in one.names)
        elif isinstance(one, nodes.Macro):
            yield one.name
        elif isinstance(one, nodes.Name) and one.ctx == "store":
            yield one.name
        yield from _bound(one)


def test_a_block_that_may_be_drawn_alone_brings_what_it_draws_with() -> None:
    environment = rendering.Renderer.build(app.DEPARTMENTS).environments["vi"]
    faults, seen = [], 0
    for name in environment.list_templates(["html"]):
        assert environment.loader is not None
        tree = environment.parse(environment.loader.get_source(environment, name)[0], name)
        outside = set(_bound(tree))
        for block in tree.find_all(nodes.Block):
            if block.name in _WHOLE:
                continue
            seen += 1
            used = {one.name for one in block.find_all(nodes.Name) if one.ctx == "load"} & outside
            own = {name for part in (block, *block.find_all(nodes.Block)) for name in _bound(part)}
            if lacking := used - own:
                faults.append(f"{name}, block {block.name}: {', '.join(sorted(lacking))} is from outside the block")
    assert seen > 20
    assert not faults, "\n".join(faults)

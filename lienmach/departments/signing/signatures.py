"""Pages of the noun "signature": what stands signed on a document, and whether it is still so."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lienmach.base import errors
from lienmach.base.actor import Actor
from lienmach.care import signing
from lienmach.web import rendering
from lienmach.web.pages import page

#: Signature.state -> (what it means, tag class, what to do), keys of `web/words`.
_STATES = {
    "ok": ("Chữ ký đúng, nội dung chưa bị sửa", "good", ""),
    "changed": (
        "Nội dung đã bị sửa sau khi ký",
        "bad",
        "Không dùng bản này; báo cho người quản trị và đối chiếu bản gốc.",
    ),
    "forged": ("Chữ ký không phải của khoá này", "bad", "Không dùng bản này; báo cho người quản trị."),
    "unknown-key": ("Khoá không do nút này cấp", "warn", "Chữ ký của nơi khác: kiểm tra chứng thư với nơi đã ký."),
    "expired": ("Ký khi chứng thư hoặc khoá không còn hiệu lực", "bad", "Người ký cần ký lại bằng khoá còn hiệu lực."),
    "unreadable": ("Không đọc được chữ ký", "bad", "Báo cho người quản trị; hồ sơ vẫn xem được."),
}


@page("patients.read")
async def index(request: Request, actor: Actor) -> Response:
    """GET /signing/signatures/{type}/{id} — all signatures on a resource, read and computed anew; with htmx the list."""
    kind, own = request.path_params["type"], request.path_params["id"]
    async with request.app.state.store.begin(actor) as tx:
        if not tx.definitions.is_resource_type(kind):
            raise errors.NotFound(f"There is no resource type {kind[:40]}.")
        tx.access.note("search-type", what=f"{kind}/{own}", query=f"/signing/signatures/{kind}/{own}")
        found = await signing.verify(tx, f"{kind}/{own}")
        return rendering.render(
            request,
            "signing/signatures.html",
            block="list" if rendering.is_fragment(request) else "",
            signatures=[_line(one) for one in found],
        )


def _line(one: signing.Signature) -> dict[str, Any]:
    words, kind, advice = _STATES[one.state]
    return {
        "who": one.who,
        "is_facility": one.login == "" and one.state not in ("unreadable", "unknown-key"),
        "signed_at": one.signed_at,
        "words": words,
        "kind": kind,
        "advice": advice,
        "key": one.key_id[:12],
        "targets": [
            {
                "version": target.reference.rpartition("/")[2],
                "is_current": target.is_current,
                "is_same": target.state == "ok",
                "type": target.reference.partition("/")[0],
            }
            for target in one.targets
        ],
    }


ROUTES = (Route("/signing/signatures/{type}/{id}", index),)

"""The frame around a page: who is here, the menu they may use, language, letter size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from lienmach.identity import roles
from lienmach.web import sessions, words
from lienmach.web.department import Department, MenuItem, Notice


@dataclass(frozen=True)
class Shell:
    """What the frame template needs. csrf: a fresh proof, "" when nobody is signed in."""

    language: str
    is_comfort: bool
    path: str
    facility: str
    name: str
    role_titles: str
    is_signed_in: bool
    is_demo: bool
    csrf: str
    menu: Sequence[MenuItem]
    notices: Sequence[Notice] = ()

    @property
    def find(self) -> MenuItem | None:
        """The menu entry whose box finds people."""
        return next((item for item in self.menu if item.is_find), None)


def language_of(request: Request) -> str:
    """Language of this page: the person's own, else the cookie of the sign-in page, else Vietnamese."""
    session = sessions.found(request)
    wanted = session.language if session else request.cookies.get("language", "vi")
    return wanted if wanted in words.LANGUAGES else "vi"


def of(request: Request, departments: Sequence[Department]) -> Shell:
    """The frame for this request."""
    session = sessions.found(request)
    language = language_of(request)
    if session is None or session.is_locked:
        return Shell(
            language, session.comfort if session else False, request.url.path, "", "", "", False, False, "", ()
        )
    actor = session.actor(sessions.address_of(request))
    menu = tuple(item for department in departments for item in department.menu if roles.may(actor, item.right))
    titles = [
        roles.ROLES[name].title_vi if language == "vi" else roles.ROLES[name].title_en
        for name in sorted(session.roles)
        if name in roles.ROLES
    ]
    return Shell(
        language,
        session.comfort,
        request.url.path,
        session.facility,
        session.display,
        ", ".join(titles),
        True,
        session.is_demo,
        sessions.proof(session),
        menu,
        tuple(one for department in departments for one in department.notices if roles.may(actor, one.right)),
    )

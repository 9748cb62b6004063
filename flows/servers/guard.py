"""Let only the user's own pages and programs reach a server: an ASGI application around another.

Neither Prefect nor MLflow does all of it: Prefect looks at no Host, so a name that resolves to
127.0.0.1 makes any web page one of its own; MLflow without its user database asks nobody who he is.
A page of another port of this machine is foreign too. In this order:

- Host and Origin must be this very server's (else 403), also of reads and web sockets;
- nothing that a browser says another site asked for is handed on (403). A link that was clicked
  there gets a page of ours that asks for the same address itself: so links in reports work;
- a program shows the home's secret as basic authentication, or as a bearer's token, which is what
  OpenAI's clients make of an API key, in the handshake of a web socket too; a browser that
  `lamini ui`'s link let in shows its cookie, under the home's host name (else 401).
"""

import hmac
import json
from base64 import b64encode
from hashlib import sha256
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.servers.auth_string import basic
from flows.servers.passes import (
    COOKIE,
    COOKIE_SECONDS,
    LET_IN,
    Codes,
    cookie_value,
    host_name,
    is_cookie,
)

_OURS = ("", "same-origin", "none")
"""Sec-Fetch-Site: a program, a page of this server, the address bar or a bookmark."""
_PROGRAM = (
    "a program sends all that is in HOME/services/auth_string as basic authentication, or as a "
    "bearer's token (an OpenAI client's API key).\n"
)
_BROWSER = (
    "open a link that `lamini ui` prints, each of which lets one browser in, once, within ten "
    "minutes (while it runs, another `lamini ui` prints new ones); "
)
# What follows a `#` is known to the browser alone.
_AGAIN = (
    f"location.replace({json.dumps(LET_IN)} + '?to=' + "
    "encodeURIComponent(location.pathname + location.search + location.hash))"
)
_AGAIN_HASH = b64encode(sha256(_AGAIN.encode()).digest()).decode()
_KEPT_APART = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; script-src 'sha256-{_AGAIN_HASH}'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",  # who opened the window keeps no hold of it
    "Referrer-Policy": "no-referrer",
}
_NOWHERE_ELSE = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)


class Guard:
    """Hands on what comes from the user, with the secret in its header."""

    def __init__(self, app: ASGIApp, *, port: int, secret: str, launch: str = "") -> None:
        """Guard `app`, which listens on `port` of loopback.

        With a `launch`, browsers may be let in, under the home's host name, by links to it.
        """
        self.app = app
        self.secret = secret
        self.shown = (basic(secret), f"Bearer {secret}")
        self.page = f"{host_name(secret)}:{port}" if launch else None
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.how = f"This server is for one user: {_BROWSER if launch else ''}{_PROGRAM}"
        self.codes = Codes(secret, port, launch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers)
        if answer is None:
            return await self.app(_with_secret(scope, self.secret), receive, self._kept_here(send))
        if scope["type"] == "websocket":
            await receive()
            # Before it is accepted: the handshake is answered 403.
            return await send({"type": "websocket.close", "code": 1008})
        for name, value in _KEPT_APART.items():
            answer.headers[name] = value
        await answer(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Return what is answered instead of the server; null where it is asked."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0] not in {*self.hosts, self.page}:
            return PlainTextResponse(f"Host is none of {', '.join(sorted(self.hosts))}\n", 403)
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            return PlainTextResponse("Origin is another page's\n", 403)
        is_page = hosts[0] == self.page and scope["type"] == "http"
        is_ours = headers.get("sec-fetch-site", "") in _OURS
        is_known = hosts[0] == self.page and self._has_cookie(headers)
        if is_page and scope["path"] == LET_IN and (is_ours or _is_link(scope, headers)):
            return self._let_in(scope, headers, is_known=is_known)
        if is_page and not is_ours and _is_link(scope, headers):
            return HTMLResponse(f"<script>{_AGAIN}</script>")
        if not is_ours:
            why = "another site asked for it, or a frame: open the address in a tab of its own\n"
            return PlainTextResponse(why, 403)
        shown = headers.get("authorization", "")
        if is_known or any(_is_same(shown, wanted) for wanted in self.shown):
            return None
        return PlainTextResponse(self.how, 401)

    def _let_in(self, scope: Scope, headers: Headers, *, is_known: bool) -> Response:
        given = parse_qs(scope["query_string"].decode("ascii", "replace"))
        to = given.get("to", ["/"])[0]
        # What a browser fetches before anybody opens it is none that was opened.
        ahead = {"sec-purpose", "purpose", "x-moz"} & {*headers.keys()}
        is_ahead = bool(ahead) or scope["method"] != "GET"
        is_new = not is_ahead and self.codes.take(given.get("code", [""])[0])
        if not (is_known or is_new):
            return PlainTextResponse(self.how, 401)
        # Browsers leave out tabs and line ends, and take a backslash for a slash.
        is_here = to.startswith("/") and to.isprintable() and to[1:2] not in ("/", "\\")
        answer = RedirectResponse(to if is_here else "/", 303)
        if is_new:
            answer.set_cookie(
                COOKIE,
                cookie_value(self.secret),
                max_age=COOKIE_SECONDS,
                httponly=True,
                samesite="strict",
            )
        return answer

    def _kept_here(self, send: Send) -> Send:
        """Have pages load nothing from another site, send nothing there, and not tell their name.

        Prefect's page fetches a tracking library's settings, whatever its own settings are.
        """
        policy = f"{_NOWHERE_ELSE}; connect-src 'self' ws://{self.page or 'localhost'}"

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.append("Content-Security-Policy", policy)
            await send(message)

        return told

    def _has_cookie(self, headers: Headers) -> bool:
        found = cookie_parser("; ".join(headers.getlist("cookie")))
        return is_cookie(self.secret, found.get(COOKIE, ""))


def _is_link(scope: Scope, headers: Headers) -> bool:
    """Whether the user followed a link: a page that goes elsewhere by itself is no click."""
    return (
        scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and headers.get("sec-fetch-user") == "?1"
    )


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _with_secret(scope: Scope, secret: str) -> Scope:
    others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return {**scope, "headers": [*others, (b"authorization", basic(secret).encode())]}

"""Let only the user's own pages and programs reach a server: an ASGI application around another.

Neither Prefect nor MLflow does all of it: Prefect looks at no Host, so a name that resolves to
127.0.0.1 makes any web page one of its own; MLflow without its user database asks nobody who he is.
A page of another port of this machine is foreign too. In this order:

- Host and Origin must be this very server's (else 403), also of reads and web sockets;
- what a browser says that another site asked for is a link that was clicked, or refused (403);
- the home's secret comes as basic authentication or as a cookie (else 401). `lamini ui`'s link sets
  the cookie: SameSite=Lax, so that links work that were clicked in a report opened as a file.
"""

import hmac
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.servers.auth_string import LET_IN, basic, cookie_name, token

_COOKIE_SECONDS = 30 * 24 * 3600
_OURS = ("", "same-origin", "none")
"""Sec-Fetch-Site: a program, a page of this server, the address bar or a bookmark."""
_HOW = (
    "This server is for one user: open the link that `lamini ui` prints, once; a program sends "
    "what is in HOME/services/auth_string as basic authentication.\n"
)


class Guard:
    """Hands on what comes from the user, with the secret in its header."""

    def __init__(self, app: ASGIApp, *, port: int, secret: str, sockets_ask: bool = False) -> None:
        """Guard `app`, which listens on `port` of loopback.

        `sockets_ask`: `app` asks for the secret itself, in the first message of a web socket.
        """
        self.app = app
        self.secret = secret
        self.sockets_ask = sockets_ask
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        is_socket = scope["type"] == "websocket"
        headers = Headers(scope=scope)
        answer: Response | None = None
        if why := self._foreign(scope, headers):
            answer = PlainTextResponse(why, 403)
        elif scope["path"] == LET_IN and not is_socket:
            answer = self._let_in(scope)
        elif self._has_cookie(headers):
            scope = _with_secret(scope, self.secret)
        elif not (_has_header(headers, self.secret) or (is_socket and self.sockets_ask)):
            answer = PlainTextResponse(_HOW, 401)
        if answer is None:
            await self.app(scope, receive, send)
        elif is_socket:
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
        else:
            await answer(scope, receive, send)

    def _foreign(self, scope: Scope, headers: Headers) -> str:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return f"Host is none of {', '.join(sorted(self.hosts))}\n"
        if any(origin not in {f"http://{host}" for host in self.hosts} for origin in origins):
            return "Origin is another page's\n"
        is_link = (
            scope.get("method") == "GET"
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        if headers.get("sec-fetch-site", "") not in _OURS and not is_link:
            return "another site asked for it, or a frame: open the address in a tab of its own\n"
        return ""

    def _let_in(self, scope: Scope) -> Response:
        given = parse_qs(scope["query_string"].decode("ascii", "replace")).get("token", [""])
        if not _is_same(given[0], token(self.secret)):
            return PlainTextResponse(_HOW, 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            cookie_name(self.secret),
            token(self.secret),
            max_age=_COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
        )
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    def _has_cookie(self, headers: Headers) -> bool:
        found = cookie_parser("; ".join(headers.getlist("cookie")))
        return _is_same(found.get(cookie_name(self.secret), ""), token(self.secret))


def _has_header(headers: Headers, secret: str) -> bool:
    return _is_same(headers.get("authorization", ""), basic(secret))


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _with_secret(scope: Scope, secret: str) -> Scope:
    others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return {**scope, "headers": [*others, (b"authorization", basic(secret).encode())]}

"""The guard before a small application; the real servers behind it are in test_strangers.py."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from flows.servers.auth_string import basic, cookie_name, token
from flows.servers.guard import Guard

SECRET = "lamini:" + "x" * 43
HERE = "http://127.0.0.1:4200"
KNOWN = {"Authorization": basic(SECRET)}
COOKIE = {"Cookie": f"other=1; {cookie_name(SECRET)}={token(SECRET)}"}
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def told(request):
    return JSONResponse({"sent": request.headers.getlist("authorization")})


async def say(socket):
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


APP = Starlette(
    routes=[
        Route("/told", told, methods=METHODS),
        Route("/", lambda request: PlainTextResponse("first page")),
        WebSocketRoute("/socket", say),
    ]
)


def client(**options):
    guard = Guard(APP, port=4200, secret=SECRET, **options)
    return TestClient(guard, base_url=HERE, follow_redirects=False)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**KNOWN}, 200),
        ({**COOKIE}, 200),
        ({**KNOWN, "Origin": HERE, "Sec-Fetch-Site": "same-origin"}, 200),
        ({**KNOWN, "Host": "localhost:4200", "Origin": "http://localhost:4200"}, 200),
        ({}, 401),
        ({"Authorization": basic("lamini:" + "y" * 43)}, 401),
        ({"Authorization": "Basic ü"}, 401),
        ({"Cookie": f"{cookie_name(SECRET)}={'y' * 43}"}, 401),
        ({"Cookie": f"{cookie_name(SECRET)}="}, 401),
        ({**KNOWN, "Host": "evil.example"}, 403),
        ({**KNOWN, "Host": "evil.example:4200"}, 403),
        ({**KNOWN, "Host": "127.0.0.1:4201"}, 403),
        ({**KNOWN, "Host": "127.0.0.1"}, 403),
        ({**KNOWN, "Host": "127.0.0.1.evil.example:4200"}, 403),
        ({**KNOWN, "Host": ""}, 403),
        ({**COOKIE, "Origin": "https://evil.example"}, 403),
        ({**COOKIE, "Origin": "null"}, 403),
        ({**COOKIE, "Origin": "http://127.0.0.1:8888"}, 403),
        ({**COOKIE, "Origin": "https://127.0.0.1:4200"}, 403),
        ({**COOKIE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({**COOKIE, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({**COOKIE, **LINK, "Sec-Fetch-Dest": "iframe"}, 403),
    ],
)
def test_only_the_users_own_pages_and_programs_are_handed_on(method, headers, status):
    headers = {name.encode(): value.encode() for name, value in headers.items()}
    assert client().request(method, "/told", headers=headers).status_code == status


def test_a_link_in_a_report_or_on_another_page_opens_and_sends_nothing():
    for site in ("cross-site", "same-site"):
        clicked = {**COOKIE, **LINK, "Sec-Fetch-Site": site}
        assert client().get("/told", headers=clicked).status_code == 200
        assert client().post("/told", headers=clicked).status_code == 403
    assert client().get("/told", headers=LINK).status_code == 401


def test_the_link_sets_a_cookie_that_lets_in_and_no_script_reads():
    browser = client()
    refused = browser.get("/let-in?token=wrong")
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert browser.get("/let-in").status_code == 401
    let_in = browser.get(f"/let-in?token={token(SECRET)}")
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/")
    cookie = let_in.headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert let_in.headers["cache-control"] == "no-store"
    assert browser.get("/").text == "first page"
    assert client().get("/").status_code == 401


def test_a_link_that_was_asked_for_under_a_foreign_name_lets_nobody_in():
    asked = client().get(f"/let-in?token={token(SECRET)}", headers={"Host": "evil.example"})
    assert (asked.status_code, "set-cookie" in asked.headers) == (403, False)


def test_the_server_gets_the_secret_for_the_cookie_and_nothing_else_in_its_place():
    sent = client().get("/told", headers={**COOKIE, "Authorization": "Basic other"})
    assert sent.json() == {"sent": [basic(SECRET)]}


def test_two_hosts_or_origins_are_not_a_choice():
    statuses = []

    async def ask(extra):
        async def send(message):
            statuses.append(message.get("status"))

        known = [(b"host", b"127.0.0.1:4200"), (b"authorization", basic(SECRET).encode())]
        scope = {"type": "http", "method": "GET", "path": "/told", "query_string": b""}
        guard = Guard(APP, port=4200, secret=SECRET)
        await guard({**scope, "headers": [*known, extra]}, None, send)

    asyncio.run(ask((b"host", b"evil.example")))
    asyncio.run(ask((b"origin", b"https://evil.example")))
    assert [status for status in statuses if status] == [403, 403]


@pytest.mark.parametrize(
    ("headers", "opens", "opens_where_the_server_asks"),
    [
        (KNOWN, True, True),
        (COOKIE, True, True),
        ({}, False, True),
        ({**COOKIE, "Origin": "https://evil.example"}, False, False),
        ({**COOKIE, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "websocket"}, False, False),
        ({**KNOWN, "Host": "evil.example"}, False, False),
    ],
)
def test_a_socket_opens_for_the_user_alone(headers, opens, opens_where_the_server_asks):
    def does_open(**options):
        try:
            # The test client names a Host of its own.
            given = {"Host": "127.0.0.1:4200", **headers}
            with client(**options).websocket_connect("/socket", headers=given) as socket:
                return socket.receive_text() == "hello"
        except WebSocketDisconnect:
            return False

    assert does_open() is opens
    assert does_open(sockets_ask=True) is opens_where_the_server_asks

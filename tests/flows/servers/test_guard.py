"""The guard before a small application; the real servers behind it are in test_strangers.py."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from flows.servers import passes
from flows.servers.auth_string import basic
from flows.servers.guard import Guard
from flows.servers.passes import COOKIE, cookie_value, host_name, let_in_link

SECRET = "lamini:" + "x" * 43
HERE = "http://127.0.0.1:4200"
NAME = f"{host_name(SECRET)}:4200"
KNOWN = {"Authorization": basic(SECRET)}
SHOWN = {"Cookie": f"other=1; {COOKIE}={cookie_value(SECRET)}"}
LET_IN = {"Host": NAME, **SHOWN}
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
LINK = {
    **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    **{"Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"},
}


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


def client(base_url=HERE, **options):
    guard = Guard(APP, port=4200, secret=SECRET, **{"launch": "first", **options})
    return TestClient(guard, base_url=base_url, follow_redirects=False)


def code(port=4200, launch="first"):
    return let_in_link(SECRET, port, launch).partition("?code=")[2].partition("&")[0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**KNOWN}, 200),
        ({**LET_IN}, 200),
        ({**LET_IN, "Origin": f"http://{NAME}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({**KNOWN, "Origin": HERE, "Sec-Fetch-Site": "same-origin"}, 200),
        ({**KNOWN, "Host": "localhost:4200", "Origin": "http://localhost:4200"}, 200),
        ({}, 401),
        ({"Authorization": basic("lamini:" + "y" * 43)}, 401),
        ({"Authorization": f"Bearer {SECRET}"}, 200),
        ({"Authorization": f"Bearer {SECRET[:-1]}"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": SECRET}, 401),
        ({"Authorization": "Basic ü"}, 401),
        ({**SHOWN}, 401),  # under a name that all servers of this machine share
        ({**SHOWN, "Host": "localhost:4200"}, 401),
        ({"Host": NAME}, 401),
        ({"Host": NAME, "Cookie": f"{COOKIE}="}, 401),
        ({"Host": NAME, "Cookie": f"{COOKIE}=9999999999.aa.{'0' * 64}"}, 401),
        ({"Host": NAME, "Cookie": f"{COOKIE}={code()}"}, 401),
        ({"Host": NAME, "Authorization": f"Basic {cookie_value(SECRET)}"}, 401),
        ({"Host": NAME, "Authorization": basic(f"lamini:{cookie_value(SECRET)}")}, 401),
        ({**LET_IN, "Host": NAME.replace("4200", "4201")}, 403),
        ({**LET_IN, "Origin": HERE}, 403),
        ({**KNOWN, "Host": "evil.example"}, 403),
        ({**KNOWN, "Host": "evil.example:4200"}, 403),
        ({**KNOWN, "Host": "127.0.0.1:4201"}, 403),
        ({**KNOWN, "Host": "127.0.0.1"}, 403),
        ({**KNOWN, "Host": "127.0.0.1.evil.example:4200"}, 403),
        ({**KNOWN, "Host": ""}, 403),
        ({**LET_IN, "Origin": "https://evil.example"}, 403),
        ({**LET_IN, "Origin": "null"}, 403),
        ({**LET_IN, "Origin": "http://127.0.0.1:8888"}, 403),
        ({**LET_IN, "Origin": "https://127.0.0.1:4200"}, 403),
        ({**LET_IN, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({**LET_IN, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({**LET_IN, **LINK, "Sec-Fetch-Dest": "iframe"}, 403),
        ({**LET_IN, **LINK, "Sec-Fetch-User": ""}, 403),  # a page went there by itself
    ],
)
def test_only_the_users_own_pages_and_programs_are_handed_on(method, headers, status):
    headers = {name.encode(): value.encode() for name, value in headers.items()}
    assert client().request(method, "/told", headers=headers).status_code == status


def test_what_another_site_links_to_is_asked_for_by_a_page_of_ours_and_no_server_sees_the_link():
    for site in ("cross-site", "same-site"):
        clicked = {**LET_IN, **LINK, "Sec-Fetch-Site": site}
        page = client().get("/told?a=b", headers=clicked)
        assert (page.status_code, page.headers["cross-origin-opener-policy"]) == (
            200,
            "same-origin",
        )
        assert 'location.replace("/let-in"' in page.text
        assert "sent" not in page.text
        assert client().post("/told", headers=clicked).status_code == 403
        assert (
            client().get("/told", headers={**clicked, "Host": "127.0.0.1:4200"}).status_code == 403
        )
    own = {**LET_IN, "Sec-Fetch-Site": "same-origin"}
    to = client().get("/let-in?to=%2Ftold%3Fa%3Db%23c", headers=own)
    assert (to.status_code, to.headers["location"]) == (303, "/told?a=b#c")
    assert client().get("/let-in?to=/told", headers={"Host": NAME}).status_code == 401


@pytest.mark.parametrize(
    "to",
    [
        *("//evil.example", "/\\evil.example", "https://evil.example", "x"),
        *("/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie: x=y"),
    ],
)
def test_a_link_leads_to_this_server_alone(to):
    answer = client().get("/let-in", params={"to": to}, headers=LET_IN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_the_link_sets_a_cookie_that_lets_in_and_no_script_reads():
    browser = client(f"http://{NAME}")
    refused = browser.get("/let-in?code=wrong")
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert browser.get("/let-in").status_code == 401
    let_in = browser.get(f"/let-in?code={code()}")
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/")
    cookie = let_in.headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    assert let_in.headers["cache-control"] == "no-store"
    assert let_in.headers["referrer-policy"] == "no-referrer"
    assert browser.get("/").text == "first page"
    assert client().get("/").status_code == 401


def test_no_cookie_and_no_link_holds_the_secret():
    held = SECRET.partition(":")[2]
    assert all(
        held not in text for text in (cookie_value(SECRET), let_in_link(SECRET, 4200, "first"))
    )


def test_a_link_lets_one_browser_in_once_and_soon(monkeypatch):
    browser, given, late = client(f"http://{NAME}"), code(), code()
    ahead = browser.get(f"/let-in?code={given}", headers={"Sec-Purpose": "prefetch;prerender"})
    assert ahead.status_code == browser.head(f"/let-in?code={given}").status_code == 401
    assert browser.get(f"/let-in?code={code(port=5000)}").status_code == 401  # another server's
    assert browser.get(f"/let-in?code={given}").status_code == 303
    known = code()
    assert browser.get(f"/let-in?code={known}").status_code == 303  # by one that is let in already
    browser.cookies.clear()
    assert browser.get(f"/let-in?code={given}").status_code == 401
    assert browser.get(f"/let-in?code={known}").status_code == 401
    now = passes.time.time()
    monkeypatch.setattr(passes.time, "time", lambda: now + 601)
    assert browser.get(f"/let-in?code={late}").status_code == 401


def test_no_link_is_good_once_the_server_was_started_again():
    """A new process knows no more which links were spent."""
    spent, left = code(), code()
    assert client(f"http://{NAME}").get(f"/let-in?code={spent}").status_code == 303
    again = client(f"http://{NAME}", launch="second")
    assert [again.get(f"/let-in?code={one}").status_code for one in (spent, left)] == [401, 401]
    assert again.get(f"/let-in?code={code(launch='second')}").status_code == 303


def test_a_page_that_goes_to_a_link_by_itself_spends_none():
    browser, given = client(f"http://{NAME}"), code()
    by_itself = {name: value for name, value in LINK.items() if name != "Sec-Fetch-User"}
    assert browser.get(f"/let-in?code={given}", headers=by_itself).status_code == 403
    assert browser.get(f"/let-in?code={given}", headers=LINK).status_code == 303


def test_pages_load_nothing_from_another_site_and_send_nothing_there():
    policy = client().get("/told", headers=LET_IN).headers["content-security-policy"]
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed["connect-src"] == f"'self' ws://{NAME}"
    assert not {"*", "http:", "https:"} & set(allowed["default-src"].split())


def test_a_cookie_lets_in_until_its_day(monkeypatch):
    now = passes.time.time()
    let_in = {"Host": NAME, "Cookie": f"{COOKIE}={cookie_value(SECRET)}"}
    monkeypatch.setattr(passes.time, "time", lambda: now + 7 * 24 * 3600 - 60)
    assert client().get("/told", headers=let_in).status_code == 200
    monkeypatch.setattr(passes.time, "time", lambda: now + 7 * 24 * 3600 + 60)
    assert client().get("/told", headers=let_in).status_code == 401


def test_each_home_has_a_name_of_its_own_and_tells_it_to_nobody():
    assert host_name(SECRET) != host_name("lamini:" + "y" * 43)
    for headers in ({}, {"Host": "evil.example"}, {**LINK}, {"Host": "localhost:4200", **LINK}):
        answer = client().get("/told", headers=headers)
        assert host_name(SECRET) not in answer.text + str(answer.headers)
    assert client().get("/told", headers=LET_IN).headers["referrer-policy"] == "same-origin"


def test_a_server_without_pages_lets_no_browser_in():
    for host in (NAME, "", "None"):
        asked = client(launch="").get("/told", headers={**LET_IN, **KNOWN, "Host": host})
        assert asked.status_code == 403
    there = client(launch="").get("/told", headers={**SHOWN, "Host": "127.0.0.1:4200"})
    assert there.status_code == 401


def test_a_link_that_was_asked_for_under_another_name_lets_nobody_in():
    for host, status in (("evil.example", 403), ("127.0.0.1:4200", 401)):
        asked = client().get(f"/let-in?code={code()}", headers={"Host": host})
        assert (asked.status_code, "set-cookie" in asked.headers) == (status, False)


def test_the_server_gets_the_secret_for_the_cookie_and_nothing_else_in_its_place():
    sent = client().get("/told", headers={**LET_IN, "Authorization": "Basic other"})
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
    ("headers", "opens"),
    [
        (KNOWN, True),
        (LET_IN, True),
        ({}, False),
        (SHOWN, False),
        ({"Authorization": basic("lamini:" + "y" * 43)}, False),
        ({**LET_IN, "Origin": "https://evil.example"}, False),
        ({**LET_IN, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "websocket"}, False),
        ({**KNOWN, "Host": "evil.example"}, False),
    ],
)
def test_a_socket_opens_for_the_user_alone_and_a_stranger_is_refused_in_the_handshake(
    headers, opens
):
    asked = []

    async def app(scope, receive, send):
        asked.append(scope["type"])
        await APP(scope, receive, send)

    guarded = TestClient(Guard(app, port=4200, secret=SECRET, launch="first"), base_url=HERE)

    def does_open():
        try:
            # The test client names a Host of its own.
            given = {"Host": "127.0.0.1:4200", **headers}
            with guarded.websocket_connect("/socket", headers=given) as socket:
                return socket.receive_text() == "hello"
        except WebSocketDisconnect:
            return False

    assert does_open() is opens
    assert asked == (["websocket"] if opens else [])

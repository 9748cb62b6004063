"""What a browser shows instead of the secret of a home, and the host name under which it does.

Browsers keep one set of cookies for all ports of a host, and send it to whatever listens there. So
a home's pages have a host name of their own, which is not to be guessed, and no cookie is taken
under another one. What the cookie holds is good for nothing but to be shown there, for a week.
All is made of the secret: with another secret, everything given out before is void.
"""

import hmac
import secrets
import time
from hashlib import sha256
from urllib.parse import urlencode

COOKIE = "lamini"
COOKIE_SECONDS = 7 * 24 * 3600
LET_IN = "/let-in"
"""A server's page that takes a code for a cookie, or shows the page that another site linked."""
LINK_SECONDS = 600


def host_name(secret: str) -> str:
    """Return the host name of the home's pages: browsers find every NAME.localhost on loopback."""
    return f"lamini-{_signed(secret, 'host')[:24]}.localhost"


def let_in_link(secret: str, port: int, launch: str, to: str = "/") -> str:
    """Return an address that lets one browser in, once and soon, at the server on `port`.

    It shows the page `to` of that server, and is good for this `launch` of it alone: a server that
    was started again knows no more which links were spent.
    """
    asked = urlencode({"code": _made(secret, _to_link(port, launch), LINK_SECONDS), "to": to})
    return f"http://{host_name(secret)}:{port}{LET_IN}?{asked}"


def cookie_value(secret: str) -> str:
    """Return what a browser that was let in shows from then on."""
    return _made(secret, "cookie", COOKIE_SECONDS)


def is_cookie(secret: str, given: str) -> bool:
    """Whether `given` is what a browser of this home was given, and is still good."""
    return _is_good(secret, "cookie", given)


class Codes:
    """The codes of links to one launch of a server, each of which is good once."""

    def __init__(self, secret: str, port: int, launch: str) -> None:
        self.secret = secret
        self.purpose = _to_link(port, launch)
        self._used: dict[str, float] = {}

    def take(self, code: str) -> bool:
        """Whether `code` is good; from now on it is not."""
        now = time.time()
        self._used = {used: until for used, until in self._used.items() if until > now}
        if code in self._used or not _is_good(self.secret, self.purpose, code):
            return False
        self._used[code] = now + LINK_SECONDS
        return True


def _to_link(port: int, launch: str) -> str:
    return f"link {port} {launch}"


def _made(secret: str, purpose: str, seconds: int) -> str:
    said = f"{int(time.time()) + seconds}.{secrets.token_hex(8)}"
    return f"{said}.{_signed(secret, f'{purpose} {said}')}"


def _is_good(secret: str, purpose: str, given: str) -> bool:
    said, _, signed = given.rpartition(".")
    is_ours = hmac.compare_digest(signed.encode(), _signed(secret, f"{purpose} {said}").encode())
    return is_ours and int(said.partition(".")[0]) > time.time()


def _signed(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), sha256).hexdigest()

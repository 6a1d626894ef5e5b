"""Who may see the page, and how often."""

import hashlib
import hmac
import time

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

# Requests a second that are answered, and seconds for which a browser remembers that it had the token.
_MOST_REQUESTS, _REMEMBERED = 200, 30 * 86400
_LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}


class Gate:
    """Lets requests through to an application.

    With a token everyone must give it, as `?token=` or as the cookie that the first answer sets. Without one the request must
    be for a name of this machine itself: else a page from elsewhere could have its own name resolved to this machine, and read.

    Args:
        app: of Starlette.
        token: None: it is not needed.
        port: names the cookie, since cookies are shared by all ports of a machine.
    """

    def __init__(self, app: ASGIApp, token: str | None, port: int):
        self._app, self._token, self._cookie = app, token, f"watch_{port}"
        self._second, self._requests = 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer(Request(scope)) if self._is_in_time() else _refusal(503, "Too many requests.")
        await (answer or self._app)(scope, receive, send)

    def _is_in_time(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._requests = second, 0
        self._requests += 1
        return self._requests <= _MOST_REQUESTS

    def _answer(self, request: Request) -> Response | None:
        """What is answered in the application's place, None: nothing."""
        if self._token is None:
            name = request.headers.get("host", "").removesuffix(f":{request.url.port}")
            return None if name in _LOCAL_NAMES else _refusal(403, "Open the page as localhost, or give --web-token.")
        given = request.query_params.get("token")
        if given is not None and _are_equal(given, self._token):
            return self._remembering() if request.url.path == "/" else None
        if _are_equal(request.cookies.get(self._cookie, ""), _digest(self._token)):
            return None
        return _refusal(401, "Open the address with ?token=..., as the watch printed it.")

    def _remembering(self) -> Response:
        """To the address without the token, which then stands in no list of visited pages."""
        answer = RedirectResponse(".", 303)
        value = _digest(self._token)
        answer.set_cookie(self._cookie, value, max_age=_REMEMBERED, httponly=True, samesite="strict")
        return answer


def _refusal(status: int, sentence: str) -> Response:
    return PlainTextResponse(sentence, status, {"Retry-After": "1"} if status == 503 else None)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _are_equal(first: str, second: str) -> bool:
    """In a time that does not tell where they differ."""
    return hmac.compare_digest(first.encode(), second.encode())

"""Serves the page, in a thread of its own, to this machine or to whoever has the token."""

import base64
import hashlib
import ipaddress
import logging
import re
import secrets
import socket
import threading
import time
from pathlib import Path
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from slowfast_thermal.errors import InputError
from slowfast_thermal.live.web.gate import Gate
from slowfast_thermal.live.web.view import View

logger = logging.getLogger(__name__)

_PAGE = Path(__file__).with_name("page.html")
# Connections that may be open, and sensors of one request.
_MOST_CONNECTIONS, _MOST_SENSORS = 200, 16
# Characters of a token, and seconds in which the server starts and ends.
_LEAST_TOKEN, _PATIENCE = 8, 5.0


class WebPage:
    """The server of the page; serves while entered.

    Args:
        address: HOST:PORT, or PORT of this machine alone; port 0 is any that is free.
        token: which everyone must give; None: where other machines can reach the address one is made.
        view: of the watch.

    Attributes:
        url: where to look, with the token if it was made.

    Raises:
        InputError: the address is none or cannot be listened at, or the token is too short.
    """

    def __init__(self, address: str, token: str | None, view: View):
        if token is not None and len(token) < _LEAST_TOKEN:
            raise InputError(f"--web-token is too short: give at least {_LEAST_TOKEN} characters.")
        self._socket = _listening(address)
        host, port = self._socket.getsockname()[:2]
        at = ipaddress.ip_address(host)
        made = None if token or at.is_loopback else secrets.token_urlsafe(16)
        name = socket.gethostname() if at.is_unspecified else f"[{host}]" if at.version == 6 else host
        self.url = f"http://{name}:{port}/" + (f"?token={quote(made)}" if made else "")
        config = uvicorn.Config(
            Gate(_application(view), token or made, port),
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    def _run(self) -> None:
        try:
            self._server.run([self._socket])
        except Exception:  # whatever becomes of the page, the watch goes on
            logger.exception("The page is gone")

    def __enter__(self) -> "WebPage":
        self._thread.start()
        end = time.monotonic() + _PATIENCE
        while not self._server.started and self._thread.is_alive() and time.monotonic() < end:
            time.sleep(0.01)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.should_exit = True
        self._thread.join(_PATIENCE)
        self._socket.close()


def _listening(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    refusal = InputError(f"--web {address} is no address of this machine: give HOST:PORT, such as localhost:8080.")
    if not (port.isascii() and port.isdigit() and int(port) < 2**16):
        raise refusal
    try:
        family, *_, where = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        return socket.create_server(where[:2], family=family)
    except (UnicodeError, socket.gaierror):
        raise refusal from None
    except OSError as error:
        raise InputError(
            f"--web {address} cannot be listened at ({error.strerror}): give another address or port."
        ) from None


def _application(view: View) -> Starlette:
    page = _PAGE.read_text(encoding="utf-8")
    headers = {
        "Content-Security-Policy": _policy(page),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }

    async def show(_request: Request) -> Response:
        return Response(page, media_type="text/html", headers=headers)

    async def state(_request: Request) -> Response:
        return Response(view.state(), media_type="application/json", headers=headers)

    async def pictures(request: Request) -> Response:
        return _of_sensors(request, "application/octet-stream", view.pictures)

    async def timelines(request: Request) -> Response:
        return _of_sensors(request, "application/json", view.timelines)

    def _of_sensors(request: Request, media_type: str, answer) -> Response:
        sensors = request.query_params.getlist("sensor")
        if not 0 < len(sensors) <= _MOST_SENSORS:
            return PlainTextResponse(f"Ask for 1 to {_MOST_SENSORS} sensors.", 400)
        if view.unknown(sensors):
            return PlainTextResponse("There is no such sensor.", 404)
        return Response(answer(sensors), media_type=media_type, headers=headers)

    async def clip(request: Request) -> Response:
        path = view.clip(request.path_params["id"])
        if path is None:
            return PlainTextResponse("There is no such clip.", 404)
        return FileResponse(path, media_type="application/x-hdf5", filename=path.name, headers=headers)

    return Starlette(
        routes=[
            Route("/", show),
            Route("/state", state),
            Route("/pictures", pictures),
            Route("/timelines", timelines),
            Route("/clips/{id}.h5", clip),
        ]
    )


def _policy(page: str) -> str:
    """Lets a browser run and draw what stands in the page itself, and nothing that got into it."""
    sources = {}
    for element in ("script", "style"):
        (text,) = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        sources[element] = f"{element}-src 'sha256-{digest}'"
    return f"default-src 'none'; {sources['script']}; {sources['style']}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

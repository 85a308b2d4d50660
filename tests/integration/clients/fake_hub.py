# SPDX-License-Identifier: MIT
"""A hub that answers what a test tells it to, over TLS, and remembers what it was asked."""

import json
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from loopback import Listener

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

CLOSE = "close"  # the request is read, and the connection ends without an answer
HANG = "hang"  # the request is read, and nothing follows


def answer(status=200, body="{}", **headers):
    """A step of a script. `retry_after=1` becomes the header Retry-After: 1."""
    text = body if isinstance(body, str) else json.dumps(body)
    return status, text.encode(), {name.replace("_", "-"): value for name, value in headers.items()}


class Request(NamedTuple):
    time: float
    verb: str
    path: str
    headers: dict
    body: bytes
    connection: tuple  # the peer's address: tells connections apart


class FakeHub:
    """Answers the first request with the first step of `script` and so on; the last one remains."""

    def __init__(self, folder, name="localhost"):
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_path = folder / "fake.pem"
        key_path = folder / "fake.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-days", "2", "-subj", f"/CN={name}"]
            + ["-addext", f"subjectAltName=DNS:{name}", "-keyout", key_path, "-out", self.ca_path],
            check=True,
            capture_output=True,
        )
        self.script = [answer()]
        self.requests = []
        self.over = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                hub.requests.append(
                    Request(
                        time.monotonic(),
                        self.command,
                        self.path,
                        dict(self.headers),
                        self.rfile.read(length),
                        self.client_address,
                    )
                )
                step = hub.script.pop(0) if len(hub.script) > 1 else hub.script[0]
                if step == HANG:
                    hub.over.wait(60)
                if step in (CLOSE, HANG):
                    self.close_connection = True
                    return
                status, body, headers = step
                self.send_response(status)
                for name, value in {"Content-Length": len(body), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = serve

            def log_message(self, *_):
                pass

        self.listener = Listener()
        self.port = self.listener.port
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler, bind_and_activate=False)
        self.server.socket.close()
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a peer that goes away is part of the test
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_path, key_path)
        self.server.socket = context.wrap_socket(
            self.listener, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.listener.close()

    @property
    def connection_string(self):
        return f"HostName=localhost:{self.port};SharedAccessKeyName=owner;SharedAccessKey={KEY}"

    @property
    def verbs(self):
        return [request.verb for request in self.requests]

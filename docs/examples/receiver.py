"""A webhook receiver that prints what it gets. It needs nothing but Python.

python docs/examples/receiver.py                        # listens on http://127.0.0.1:9000 and verifies nothing
python docs/examples/receiver.py 9000 whsec_...         # refuses requests that are not signed with this secret
"""

import base64
import hashlib
import hmac
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def verify(secret: str, headers: Any, body: bytes) -> None:
    """Raises ValueError unless the request is signed with the endpoint's secret, unchanged and fresh."""
    message_id, timestamp, signatures = (headers.get(f"webhook-{name}") or "" for name in ("id", "timestamp", "signature"))
    if not timestamp.isascii() or not timestamp.isdigit() or not abs(time.time() - int(timestamp[:20])) <= 300:
        raise ValueError("the request is older than five minutes")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    # Anybody can send any header: what is no text that we sign is another text after "replace".
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode(errors="replace") + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    if not any(hmac.compare_digest(expected, given.encode(errors="replace")) for given in signatures.split(" ")):
        raise ValueError("the signature does not fit")


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what it takes and 401 to what it does not trust."""

    secret: str | None = None

    def do_POST(self) -> None:
        """One webhook request."""
        body = self.rfile.read(int(self.headers["content-length"]))
        status = 204
        if self.secret:
            try:
                verify(self.secret, self.headers, body)
            except ValueError:
                status = 401
        print(f"{status} {self.headers['webhook-id']} {body.decode(errors='replace')}", flush=True)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing besides our own line."""


if __name__ == "__main__":
    Receiver.secret = sys.argv[2] if len(sys.argv) > 2 else None
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Receiver).serve_forever()

"""An endpoint for a Pub/Sub push subscription; it uses the standard library and google-auth alone."""

import base64
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AUDIENCE = os.environ.get("PUSH_AUDIENCE", "")
ACCOUNT = os.environ.get("PUSH_ACCOUNT", "")
ALLOW_UNSIGNED = os.environ.get("ALLOW_UNSIGNED") == "1"


def is_authorized(authorization: str) -> bool:
    """Verifies the token that Pub/Sub sends: signed by Google, for this service, by the subscription's account."""
    if ALLOW_UNSIGNED:
        return True
    from google.auth.transport import requests
    from google.oauth2 import id_token

    try:
        claims = id_token.verify_oauth2_token(
            authorization.removeprefix("Bearer "), requests.Request(), AUDIENCE
        )
    except Exception:
        return False
    return claims.get("email_verified") is True and claims.get("email") == ACCOUNT


def handle(attributes: dict, data: object) -> None:
    """Handles one message. Pub/Sub sends it again where this raises."""
    print(json.dumps({"id": attributes.get("ce-id"), "type": attributes.get("ce-type"), "data": data}), flush=True)


class Push(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(self.answer())
        self.end_headers()

    def answer(self) -> int:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not is_authorized(self.headers.get("authorization", "")):
            return 401
        try:
            message = json.loads(body)["message"]
            handle(message.get("attributes", {}), json.loads(base64.b64decode(message["data"])))
        except Exception as error:
            print(error, file=sys.stderr, flush=True)
            return 500
        return 204

    def log_message(self, *_arguments: object) -> None:
        """Requests are not logged."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Push).serve_forever()

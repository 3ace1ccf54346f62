"""Serves messages that Pub/Sub pushes to the agent of examples/python, without google-cloud-pubsub."""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import MagicMock

# The agent imports its subscriber, which receives nothing here.
sys.modules.update({"google": MagicMock(), "google.cloud": MagicMock()})
sys.path.insert(0, sys.argv[1])
import agent  # noqa: E402


class Push(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))["message"]
        agent.handle(message["attributes"], base64.b64decode(message["data"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Requests are not logged."""


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Push)
agent.submit({"input": "How warm is it in Oslo?"}, "question-1")
server.serve_forever()

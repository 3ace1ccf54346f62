"""Makes the real gcloud parse many command lines in one process, because starting it takes longer than parsing.

Standard input: a JSON array of {"args": [...], "stdin": "..."}, or of {"message": "monitoring.v3.AlertPolicy", "json":
"..."}. Standard output: a JSON array of {"exitCode": ..., "stdout": "...", "stderr": "..."}; for a message the error names
what the API's message type does not have. Without an account nothing is sent anywhere.
"""

import importlib
import io
import json
import os
import sys
import tempfile

commands = json.load(sys.stdin)
results = os.fdopen(os.dup(1), "w")
sdk = sys.argv[1]
sys.argv = ["gcloud"]
sys.path[:0] = [os.path.join(sdk, "lib"), os.path.join(sdk, "lib", "third_party")]

from apitools.base.py import encoding  # noqa: E402
from googlecloudsdk import gcloud_main  # noqa: E402


def run(client, command):
    sys.stdin = io.TextIOWrapper(io.BytesIO(command["stdin"].encode()))
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        os.dup2(stdout.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
        code = 0
        try:
            client.Execute(command["args"])
        except SystemExit as end:
            code = end.code
        except Exception as error:  # gcloud's own main prints these
            code = 1
            print(f"ERROR: {error}", file=sys.stderr)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for stream in (stdout, stderr):
            stream.seek(0)
        return {"exitCode": code, "stdout": stdout.read(), "stderr": stderr.read()}


def check(name, text):
    api, version, kind = name.split(".")
    module = importlib.import_module(
        f"googlecloudsdk.generated_clients.apis.{api}.{version}.{api}_{version}_messages"
    )
    try:
        message = encoding.JsonToMessage(getattr(module, kind), text)
    except Exception as error:
        return {"exitCode": 1, "stdout": "", "stderr": str(error)}
    unknown = [f"{path}: {fields}" for path, fields in encoding.UnrecognizedFieldIter(message)]
    return {"exitCode": 1 if unknown else 0, "stdout": "", "stderr": "; ".join(map(str, unknown))}


client = gcloud_main.CreateCLI([])
json.dump(
    [
        check(command["message"], command["json"]) if "message" in command else run(client, command)
        for command in commands
    ],
    results,
)
results.flush()
os._exit(0)  # Threads of gcloud would keep the process for seconds.

"""Lets the real gcloud parse many command lines in one process: starting it takes longer than parsing.

Standard input: a JSON array of {"args": [...], "stdin": "..."}. Standard output: a JSON array of what each ended with,
{"exitCode": ..., "stderr": "..."}. The environment decides the rest; without an account nothing is sent anywhere.
"""

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

from googlecloudsdk import gcloud_main  # noqa: E402


def run(client, command):
    sys.stdin = io.TextIOWrapper(io.BytesIO(command["stdin"].encode()))
    with tempfile.TemporaryFile("w+") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        code = 0
        try:
            client.Execute(command["args"])
        except SystemExit as end:
            code = end.code
        except Exception as error:  # gcloud's own main prints these
            code = 1
            print(f"ERROR: {error}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        output.seek(0)
        return {"exitCode": code, "stderr": output.read()}


client = gcloud_main.CreateCLI([])
json.dump([run(client, command) for command in commands], results)

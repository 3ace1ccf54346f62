"""An agent that polls nothing: it starts an interaction, answers its function calls, and prints the result."""

import json
import os
import sys
import urllib.request

from google.cloud import pubsub_v1

PROJECT = os.environ["GOOGLE_CLOUD_PROJECT"]
SUBMIT_URL = os.environ["SUBMIT_URL"]
ID_TOKEN = os.environ.get("ID_TOKEN", "")
SUBSCRIPTION = os.environ.get("SUBSCRIPTION", "agent")

TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]


def get_weather(city: str) -> dict:
    """Replace this by a tool of your own."""
    return {"city": city, "celsius": 21}


FUNCTIONS = {"get_weather": get_weather}


def submit(request: dict, idempotency_key: str) -> None:
    """Starts an interaction. The same idempotency key starts it once, however often this is called."""
    body = {
        "kind": "interaction",
        "request": {"model": "gemini-3.8-flash", "tools": TOOLS, **request},
        "route": "agent",
    }
    headers = {
        "Idempotency-Key": idempotency_key,
        "Authorization": f"Bearer {ID_TOKEN}",
        "Content-Type": "application/json",
    }
    posted = urllib.request.Request(SUBMIT_URL, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(posted, timeout=60) as response:
        response.read()


def text_of(response: dict) -> str:
    """All text of the model, in order: a search or a thought may stand between two parts."""
    outputs = [step for step in response.get("steps", []) if step["type"] == "model_output"]
    parts = [part for step in outputs for part in step.get("content", [])]
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def handle(attributes: dict, data: bytes) -> None:
    """Answers function calls with a new interaction, and prints the text of a finished one."""
    message = json.loads(data)
    if attributes["ce-type"] == "job.action_required":
        results = [
            {
                "type": "function_result",
                "call_id": call["id"],
                "name": call["name"],
                "result": FUNCTIONS[call["name"]](**call["arguments"]),
            }
            for call in message["calls"]
        ]
        previous = message["jobId"].removeprefix("interactions/")
        submit({"previous_interaction_id": previous, "input": results}, message["jobId"])
    elif attributes["ce-type"] == "job.result":
        answer = message.get("error") or text_of(message.get("response", {}))
        print(attributes.get("meta_root", message["jobId"]), answer, flush=True)


def receive(message: pubsub_v1.subscriber.message.Message) -> None:
    try:
        handle(dict(message.attributes), message.data)
    except Exception as error:  # Any failure is retried, and dead-lettered in the end.
        print(error, file=sys.stderr, flush=True)
        message.nack()
    else:
        message.ack()


def main() -> None:
    with pubsub_v1.SubscriberClient() as subscriber:
        path = subscriber.subscription_path(PROJECT, SUBSCRIPTION)
        receiving = subscriber.subscribe(path, callback=receive)
        submit({"input": "How warm is it in Oslo?"}, "question-1")
        receiving.result()


if __name__ == "__main__":
    main()

"""Stores each result of Gemini's jobs in Firestore once, however often its message arrives."""

import os
import sys

from google.api_core.exceptions import AlreadyExists
from google.cloud import firestore, pubsub_v1

PROJECT = os.environ["GOOGLE_CLOUD_PROJECT"]
SUBSCRIPTION = os.environ.get("SUBSCRIPTION", "answers")

# Part of Firestore's 1 MiB per document.
MAX_BYTES = 1_000_000

database = firestore.Client(project=PROJECT)


def store(message: pubsub_v1.subscriber.message.Message) -> None:
    """Stores a result once: a second message with the same ce-id finds its document. Other messages are ignored."""
    if message.attributes.get("ce-type") != "job.result":
        return
    result_id = message.attributes["ce-id"]
    if len(message.data) > MAX_BYTES:
        raise ValueError("The result is too large for a Firestore document.")
    document = database.document("answers/" + result_id.replace("/", "~"))
    fields = {
        "index": message.attributes.get("result_index"),
        "key": message.attributes.get("result_key"),
        # Bytes, because Firestore refuses arrays in arrays and more than 20 levels.
        "data": message.data,
    }
    try:
        document.create(fields)
        print(f"stored {result_id}", flush=True)
    except AlreadyExists:
        pass


def handle(message: pubsub_v1.subscriber.message.Message) -> None:
    try:
        store(message)
    except Exception as error:  # Any failure is retried, and dead-lettered in the end.
        print(f"{message.message_id}: {error}", file=sys.stderr, flush=True)
        message.nack()
    else:
        message.ack()


def main() -> None:
    with pubsub_v1.SubscriberClient() as subscriber:
        path = subscriber.subscription_path(PROJECT, SUBSCRIPTION)
        subscriber.subscribe(path, callback=handle).result()


if __name__ == "__main__":
    main()

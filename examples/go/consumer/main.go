// Command consumer stores each result of Gemini's jobs in Firestore once, however
// often its message arrives.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/pubsub/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxBytes is part of Firestore's 1 MiB per document.
const maxBytes = 1_000_000

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("GOOGLE_CLOUD_PROJECT"), subscription()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, project, name string) error {
	database, err := firestore.NewClient(ctx, project)
	if err != nil {
		return err
	}
	defer database.Close()
	client, err := pubsub.NewClient(ctx, project)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Subscriber(name).Receive(ctx, func(ctx context.Context, message *pubsub.Message) {
		if err := store(ctx, database, message); err != nil {
			log.Printf("%s: %v", message.ID, err)
			message.Nack()
			return
		}
		message.Ack()
	})
}

// store creates one document per ce-id: a second message with the same id finds it. Other messages are ignored.
func store(ctx context.Context, database *firestore.Client, message *pubsub.Message) error {
	if message.Attributes["ce-type"] != "job.result" {
		return nil
	}
	id := message.Attributes["ce-id"]
	if len(message.Data) > maxBytes {
		return fmt.Errorf("%s is too large for a Firestore document", id)
	}
	document := database.Doc("answers/" + strings.ReplaceAll(id, "/", "~"))
	_, err := document.Create(ctx, map[string]any{
		"index": message.Attributes["result_index"],
		"key":   message.Attributes["result_key"],
		"data":  message.Data, // Bytes: Firestore refuses arrays in arrays.
	})
	if status.Code(err) == codes.AlreadyExists {
		return nil
	}
	if err == nil {
		log.Printf("stored %s", id)
	}
	return err
}

func subscription() string {
	if name := os.Getenv("SUBSCRIPTION"); name != "" {
		return name
	}
	return "answers"
}

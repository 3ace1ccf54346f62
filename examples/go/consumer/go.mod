module example.com/gemini-callbacks/consumer

go 1.24

require (
	cloud.google.com/go/firestore v1.18.0
	cloud.google.com/go/pubsub/v2 v2.0.0
	google.golang.org/grpc v1.72.0
)

// A peer on the Go SDK: a worker and the client of its workflows in one process.
//
// `goals HOST QUEUE activity|local|eager` takes a line `STEPS GOALS IN_FLIGHT` on standard input and answers with a line of
// JSON: how long the goals took together, and each alone. Each step is one trivial activity, or all steps are one local
// activity; eager, Temporal hands the first task of a workflow to the worker beside the client that starts it.
// `history HOST QUEUE FROM TO` says the size of the histories that were begun between the two moments (RFC 3339).
package main

import (
	"log"
	"log/slog"
	"os"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 5 {
		log.Fatal("usage: peer goals HOST QUEUE activity|local|eager\n       peer history HOST QUEUE FROM TO")
	}
	host, queue := os.Args[2], os.Args[3]
	quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	temporal, err := client.Dial(client.Options{HostPort: host, Logger: quiet})
	if err != nil {
		log.Fatal(err)
	}
	defer temporal.Close()
	if os.Args[1] == "history" {
		err = history(temporal, queue, os.Args[4], os.Args[5])
	} else {
		err = goals(temporal, queue, os.Args[4])
	}
	if err != nil {
		log.Fatal(err)
	}
}

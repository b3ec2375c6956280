package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

type answer struct {
	Seconds   float64   `json:"seconds"`
	Latencies []float64 `json:"latencies_ms"`
}

// pollers is how many polls of each kind a worker has under way: as many as ours, more than the SDK's own two.
const pollers = 5

// start is how goals are started: as workflows of a shape on a queue.
type start struct {
	queue string
	shape any
	eager bool
}

func goals(temporal client.Client, queue, mode string) error {
	worker := worker.New(temporal, queue, worker.Options{
		MaxConcurrentWorkflowTaskPollers: pollers,
		MaxConcurrentActivityTaskPollers: pollers,
	})
	worker.RegisterActivity(perform)
	worker.RegisterActivity(performAll)
	worker.RegisterWorkflow(stepwise)
	worker.RegisterWorkflow(stretch)
	if err := worker.Start(); err != nil {
		return err
	}
	defer worker.Stop()
	start := start{queue: queue, shape: stretch, eager: mode == "eager"}
	if mode == "activity" {
		start.shape = stepwise
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var steps, count, inFlight int
		if _, err := fmt.Sscan(lines.Text(), &steps, &count, &inFlight); err != nil {
			return err
		}
		answer, err := load(temporal, start, steps, count, inFlight)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// load runs so many goals, so many at a time.
func load(temporal client.Client, start start, steps, count, inFlight int) (answer, error) {
	plan := make([]Step, steps)
	for number := range plan {
		plan[number] = Step{
			ID:    fmt.Sprintf("s%d", number),
			Tool:  "respond_to_user",
			Input: map[string]string{"message": "done"},
		}
	}
	turns, ended := make(chan struct{}, count), make(chan float64, count)
	for range count {
		turns <- struct{}{}
	}
	close(turns)
	failed := make(chan error, inFlight)
	begun := time.Now()
	for range inFlight {
		go func() {
			for range turns {
				sent := time.Now()
				if err := goal(temporal, start, plan); err != nil {
					failed <- err
					return
				}
				ended <- float64(time.Since(sent).Microseconds()) / 1e3
			}
		}()
	}
	var answer answer
	for range count {
		select {
		case latency := <-ended:
			answer.Latencies = append(answer.Latencies, latency)
		case err := <-failed:
			return answer, err
		}
	}
	answer.Seconds = time.Since(begun).Seconds()
	return answer, nil
}

// goal starts a workflow and waits for its end. The run that ExecuteWorkflow returns has its run id.
func goal(temporal client.Client, start start, plan []Step) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	options := client.StartWorkflowOptions{TaskQueue: start.queue, EnableEagerStart: start.eager}
	run, err := temporal.ExecuteWorkflow(ctx, options, start.shape, plan)
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

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

func goals(temporal client.Client, queue string, local bool) error {
	worker := worker.New(temporal, queue, worker.Options{})
	worker.RegisterActivity(perform)
	worker.RegisterActivity(performAll)
	worker.RegisterWorkflow(stepwise)
	worker.RegisterWorkflow(stretch)
	if err := worker.Start(); err != nil {
		return err
	}
	defer worker.Stop()
	shape := stepwise
	if local {
		shape = stretch
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var steps, count, inFlight int
		if _, err := fmt.Sscan(lines.Text(), &steps, &count, &inFlight); err != nil {
			return err
		}
		answer, err := load(temporal, queue, shape, steps, count, inFlight)
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
func load(temporal client.Client, queue string, shape any, steps, count, inFlight int) (answer, error) {
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
				if err := goal(temporal, queue, shape, plan); err != nil {
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
func goal(temporal client.Client, queue string, shape any, plan []Step) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: queue}, shape, plan)
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

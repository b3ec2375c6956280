package main

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"
)

// Step is what an activity hears of a step, about as much as our steps say.
type Step struct {
	ID    string            `json:"id"`
	Tool  string            `json:"tool"`
	Input map[string]string `json:"input"`
}

// stepwise is a workflow of one activity per step.
func stepwise(ctx workflow.Context, plan []Step) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second})
	for _, step := range plan {
		if err := workflow.ExecuteActivity(ctx, perform, step).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// stretch is a workflow of one local activity for all steps.
func stretch(ctx workflow.Context, plan []Step) error {
	options := workflow.LocalActivityOptions{StartToCloseTimeout: 30 * time.Second}
	ctx = workflow.WithLocalActivityOptions(ctx, options)
	return workflow.ExecuteLocalActivity(ctx, performAll, plan).Get(ctx, nil)
}

func perform(_ context.Context, step Step) (Step, error) {
	return step, nil
}

func performAll(ctx context.Context, plan []Step) error {
	for _, step := range plan {
		if _, err := perform(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

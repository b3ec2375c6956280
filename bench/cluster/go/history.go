package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

type size struct {
	Workflows int     `json:"workflows"`
	Events    []int64 `json:"events"`
	Bytes     []int64 `json:"bytes"`
}

func history(temporal client.Client, queue, from, to string) error {
	var size size
	query := fmt.Sprintf("TaskQueue='%s' AND StartTime BETWEEN '%s' AND '%s' AND CloseTime IS NOT NULL", queue, from, to)
	request := workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 500}
	for {
		listed, err := temporal.ListWorkflow(context.Background(), &request)
		if err != nil {
			return err
		}
		for _, execution := range listed.GetExecutions() {
			size.Workflows++
			size.Events = append(size.Events, execution.GetHistoryLength())
			size.Bytes = append(size.Bytes, execution.GetHistorySizeBytes())
		}
		request.NextPageToken = listed.GetNextPageToken()
		if len(request.NextPageToken) == 0 {
			break
		}
	}
	return json.NewEncoder(os.Stdout).Encode(size)
}

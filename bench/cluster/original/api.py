"""`api.py HOST QUEUE PORT`: the API of the peer: POST /goals starts a workflow, GET /goals/{id} waits for its end."""

import sys
import uuid
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from temporalio.client import Client

from goal import GoalWorkflow

HOST, QUEUE, PORT = sys.argv[1:]


class Goal(BaseModel):
    user_intent: str
    steps: list[dict]


@asynccontextmanager
async def connected(app: FastAPI):
    app.state.temporal = await Client.connect(HOST)
    yield


app = FastAPI(lifespan=connected)


@app.post("/goals", status_code=202)
async def submit(goal: Goal) -> dict:
    started = await app.state.temporal.start_workflow(
        GoalWorkflow.run, goal.steps, id=f"goal-{uuid.uuid4()}", task_queue=QUEUE
    )
    return {"id": started.id, "run": started.result_run_id}


@app.get("/goals/{id}")
async def show(id: str, run: str) -> dict:
    # Without the run id the server looks up the newest run first, and the wait costs more.
    status = await app.state.temporal.get_workflow_handle_for(GoalWorkflow.run, id, run_id=run).result()
    return {"id": id, "status": status}


uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning", access_log=False)

"""A goal in the shape that OmniHub's founding report describes: a workflow that decides, an activity for each thing it asks.

This is a peer of that shape, written for the benchmark; it is not the original. Its activities do nothing but answer, so
that only the round trips count: nine for the first step, four for each further one. What they hear and say is as long as
was measured with the original: 107 events and 28 KB of history at 3 steps, 515 and 123 KB at 20.
"""

from datetime import timedelta

from temporalio import activity, workflow

# What the first step asks for. The names are ours; the count is what matters.
FIRST = [
    "read_goal", "make_plan", "check_plan", "save_plan", "announce",
    "check_policy", "perform", "save_outcome", "write_audit",
]
# What each further step asks for.
FURTHER = ["check_policy", "perform", "save_outcome", "write_audit"]
TIMEOUT = timedelta(seconds=30)
# What each activity hears of the goal and says again, beside the step.
CONTEXT = {"tenant_id": "default", "subject": "bench", "role": "admin", "trace_id": "0" * 32, "note": "." * 180}


def activity_named(name: str):
    @activity.defn(name=name)
    async def answer(goal: dict, step: dict) -> dict:
        return {"goal": goal, "step_id": step["id"], "activity": name, "status": "completed", "output": step["input"]}

    return answer


ACTIVITIES = [activity_named(name) for name in FIRST]


@workflow.defn(name="GoalWorkflow")
class GoalWorkflow:
    @workflow.run
    async def run(self, steps: list[dict]) -> str:
        names = FIRST
        for step in steps:
            for name in names:
                await workflow.execute_activity(name, args=[CONTEXT, step], start_to_close_timeout=TIMEOUT)
            names = FURTHER
        return "completed"

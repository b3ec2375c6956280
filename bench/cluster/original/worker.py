"""`worker.py HOST QUEUE`: the worker of the peer, until it is told to end."""

import asyncio
import sys

from temporalio.client import Client
from temporalio.worker import Worker

from goal import ACTIVITIES, GoalWorkflow


async def main(host: str, queue: str) -> None:
    temporal = await Client.connect(host)
    await Worker(temporal, task_queue=queue, workflows=[GoalWorkflow], activities=ACTIVITIES).run()


asyncio.run(main(*sys.argv[1:]))

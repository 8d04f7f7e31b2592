"""Tasks of two kinds: mail, several at once, and work for the model, one after another.

A task may be done twice when its worker was lost before it could say that it had ended, so each
says under its own name what it has done.
"""

import os
import time

import redis
from celery import Celery

app = Celery("tasks")
# The broker is what hearth:services names; this is who goes where.
app.conf.task_routes = {"task.ai.*": "batched", "task.email.*": "default"}
journal = redis.Redis.from_url(os.environ["REDIS_URL"])


def _work(name, seconds):
    journal.rpush("journal", f"{name} start {os.getpid()}")
    time.sleep(seconds)
    journal.rpush("journal", f"{name} end {os.getpid()}")
    return name


@app.task(name="task.email.send")
def send_mail(to, seconds=0.1):
    return _work(f"mail:{to}", seconds)


@app.task(name="task.ai.summarise")
def summarise(text, seconds=0.5):
    return _work(f"ai:{text}", seconds)

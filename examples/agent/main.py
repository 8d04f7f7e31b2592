"""An agent: waits for work in a list, does it, and says who did it."""

import os
import signal
import sys

import redis

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
connection = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
while True:
    found = connection.blpop(["agents:asked"], timeout=1)
    if found:
        connection.rpush("agents:answered", f"{found[1]} by {os.getpid()}")

"""A small API: counts visits in Redis, keeps notes in PostgreSQL, and leaves the slow work to a worker.

Where it has no database it keeps no notes.
"""

import atexit
import os

import redis
from celery import Celery
from flask import Flask, jsonify, request
from psycopg_pool import ConnectionPool

app = Flask(__name__)
# Secrets are in the environment of this process only; see start.py beside its configuration.
cache = redis.Redis(
    connection_pool=redis.BlockingConnectionPool.from_url(
        os.environ["REDIS_URL"], max_connections=int(os.environ["REDIS_MAX_CONNECTIONS"]), timeout=5
    )
)
# Opened at the first use, so by each worker process for itself.
database = ConnectionPool(
    os.environ.get("DATABASE_URL", ""),
    min_size=0,
    max_size=int(os.environ.get("DATABASE_POOL_SIZE", "20")),
    timeout=float(os.environ.get("DATABASE_POOL_TIMEOUT", "30")),
    open=False,
)
# Its threads hold up a process that ends, and whoever waits for that process's answer.
atexit.register(database.close)
tasks = Celery(broker=os.environ["REDIS_URL"])
tasks.conf.task_routes = {"task.ai.*": "batched", "task.email.*": "default"}


@app.get("/healthz")
def healthz():
    cache.ping()
    return "ok\n"


@app.get("/")
def who():
    return jsonify(port=os.environ["PORT"], process=os.getpid(), visits=cache.incr("api:visits"))


@app.get("/motto")
def motto():
    answer = jsonify(motto=cache.incr("api:mottos"))
    # The front door may give it to others for a minute.
    answer.cache_control.max_age = 60
    return answer


@app.route("/notes", methods=["GET", "POST"])
def notes():
    if not os.environ.get("DATABASE_URL"):
        return jsonify(error="this API has no database"), 404
    database.open()
    with database.connection() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY, text text NOT NULL)")
        if request.method == "POST":
            connection.execute("INSERT INTO notes (text) VALUES (%s)", (request.get_json()["text"],))
        rows = connection.execute("SELECT text FROM notes ORDER BY id").fetchall()
    return jsonify([text for (text,) in rows])


@app.post("/tasks/<name>")
def send(name):
    sent = tasks.send_task(f"task.{name}", kwargs=request.get_json())
    return jsonify(id=sent.id), 202

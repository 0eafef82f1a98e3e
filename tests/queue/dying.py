"""A worker process for the tests: `python dying.py DATABASE NOW hang|pill`.

hang: says "begun" inside the transaction of a job, and never commits it.
pill: runs everything due; a job with the key "pill" takes the process down.
"""

from __future__ import annotations

import os
import sys
import threading

from sqlalchemy import text

from hub import queue
from hub.queue import Claimed
from hub.store.database import Database


def main(url: str, now: str, way: str) -> None:
    db = Database(url)

    def handle(job: Claimed) -> None:
        if way == "pill" and job.key == "pill":
            os._exit(9)
        with db.write() as tx:
            tx.execute(text("INSERT INTO effect VALUES (:name)"), {"name": job.key})
            if way == "hang":
                sys.stdout.write("begun\n")
                sys.stdout.flush()
                threading.Event().wait()
            queue.done(tx, [job])

    handlers = {"push": handle}
    queue.Worker(db=db, handlers=handlers, threads=8, clock=lambda: float(now)).run_until_idle()


if __name__ == "__main__":
    main(*sys.argv[1:])

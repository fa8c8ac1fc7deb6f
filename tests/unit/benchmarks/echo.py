"""A driven process that repeats what it is told."""

import os

from benchmarks.child import serve


def say(text):
    print("a stray print")  # noqa: T201
    return {"said": text}


def end():
    os.write(2, b"for a reason")
    os._exit(3)


if __name__ == "__main__":
    serve({"say": say, "end": end, "sleep": lambda: __import__("time").sleep(60)}, {"hello": True})

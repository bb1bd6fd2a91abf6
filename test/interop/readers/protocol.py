"""JSON lines between the tests and an outside reader: one request a line on stdin, one answer a line on stdout.

A request is {"id", "op", ...arguments}; its answer {"id", "result"} or {"id", "error"}. The first line out is {"ready": {name: version}}.
Libraries and the JVM print to stdout as they like, so the real stdout is taken away from them first: only answers go there.
"""
import json
import os
import sys
import traceback

MAX_ERROR_LINES = 8


def claim_stdout():
    """Returns the real stdout for answers and points descriptor 1, which children inherit too, at stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return answers


def serve(answers, versions, operations):
    """Answers until stdin ends. `operations` maps an op's name to a function of the request that returns JSON values."""
    _send(answers, {"ready": versions})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            result = operations[request["op"]](request)
            _send(answers, {"id": request["id"], "result": result})
        except Exception as error:  # whatever a reader raises is the finding that the test reports
            traceback.print_exc(file=sys.stderr)
            _send(answers, {"id": request["id"], "error": f"{type(error).__name__}: {_without_frames(str(error))}"})


def _without_frames(message):
    """Spark's messages carry hundreds of lines of Java stack; what failed is in the others, and the stack goes to stderr."""
    lines = [line for line in message.splitlines() if line.strip() and not line.lstrip().startswith(("at ", "..."))]
    return "\n".join(lines[:MAX_ERROR_LINES])


def _send(answers, value):
    answers.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
    answers.flush()

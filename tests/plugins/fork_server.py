"""A process with everything loaded that forks one child per request: a start costs no imports.

A request is JSON and four file descriptors: the child's stdin, stdout and stderr, and a pipe that
gets its exit code. The answer is the child's process id.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import threading
import time
import traceback

SECONDS_TO_LIVE = 300  # a child that a failed test forgot
LONGEST_REQUEST = 1 << 20
PACKAGES = ("ticketing",)
TEMPLATES = ("classic", "plain")


def load() -> None:
    """Import what children may need, and keep garbage collection from copying it."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
    compile_templates()
    gc.freeze()


def compile_templates() -> None:
    """Load the PDF engine and compile the built-in templates, which most children print with."""
    renderers = importlib.import_module("ticketing.documents.renderer")
    for name in TEMPLATES:
        renderers.Renderer(renderers.TemplateFolders()).open(name).stamper  # noqa: B018 - compiles


def serve(requests: socket.socket) -> None:
    """Fork until nobody can ask any more; then kill what still runs."""
    awake, wake = os.pipe()
    os.set_blocking(awake, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    exits: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, awake], [], [])
        if awake in ready:
            os.read(awake, 4096)
            report(exits)
        if requests in ready:
            request, descriptors, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 4)
            if not request:
                break
            *streams, ended = descriptors
            if not (child := os.fork()):
                requests.close()
                run(json.loads(request), streams)
            for descriptor in streams:
                os.close(descriptor)
            exits[child] = ended
            requests.send(str(child).encode())
    for child in exits:
        os.kill(child, signal.SIGKILL)


def report(exits: dict[int, int]) -> None:
    """Tell the exit codes of children that have ended."""
    while exits:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        with os.fdopen(exits.pop(child), "w") as ended:
            ended.write(str(os.waitstatus_to_exitcode(status)))


def run(request: dict[str, object], streams: list[int]) -> None:
    """Be the child: run the script as a new interpreter would, without unloading at the end."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.alarm(SECONDS_TO_LIVE)
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload] # JSON
    time.tzset()
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    for descriptor in streams:
        os.close(descriptor)
    sys.argv = ["script", *request["arguments"]]  # type: ignore[misc] # JSON
    code: object = 0
    try:
        exec(str(request["script"]), {"__name__": "__main__"})  # noqa: S102 - a test's own script
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    if not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()  # noqa: SLF001 - as the interpreter does
    atexit._run_exitfuncs()  # noqa: SLF001 - as the interpreter does
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # noqa: PTH109 - not the folder of this file
    load()
    serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)

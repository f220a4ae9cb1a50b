"""An MCP server over standard input and output that behaves as its tools are told to."""

import json
import os
import socket
import sys
import threading

lock = threading.Lock()


def write(message):
    with lock:
        sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
        sys.stdout.flush()


def note(method, **params):
    write({"jsonrpc": "2.0", "method": method, "params": params})


def attempt(work):
    try:
        return {"value": work()}
    except BaseException as error:
        return {"refused": type(error).__name__, "errno": getattr(error, "errno", None)}


def connect(host, port):
    with socket.create_connection((host, port), timeout=20):
        return "connected"


def opened(family, kind, protocol=0):
    socket.socket(family, kind, protocol).close()
    return "opened"


def fork(count, write_to):
    """Processes that wait for ever and hold a file open by which they can be watched."""
    ready, tell = os.pipe()
    for _ in range(count):
        if os.fork() == 0:
            os.open(write_to, os.O_WRONLY)
            os.write(tell, b".")
            while True:
                threading.Event().wait()
    for _ in range(count):
        os.read(ready, 1)
    return count


def syscall(number, *arguments):
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")
    return "done"


TOOLS = {
    "read": lambda path: open(path, "rb").read().decode("latin-1"),
    "list": lambda path: sorted(os.listdir(path)),
    "write": lambda path, text: open(path, "w").write(text),
    "environment": lambda: dict(os.environ),
    "connect": connect,
    "socket": opened,
    "syscall": syscall,
    "fork": fork,
    "setsid": os.setsid,
    "setpgid": lambda: os.setpgid(0, 0),
    "kill": lambda pid, signal: os.kill(pid, signal),
    "pid": os.getpid,
    "parent": os.getppid,
    "cwd": os.getcwd,
    "limits": lambda: __import__("resource").getrlimit(
        __import__("resource").RLIMIT_NOFILE
    ),
    "threads": lambda: [t.start() or t.join() for t in [threading.Thread(target=int)]] == [None],
    "run": lambda *args: __import__("subprocess").check_output(args).decode(),
    "get": lambda url: __import__("urllib.request").request.urlopen(url, timeout=20)
    .read()
    .decode(),
    "exit": lambda code: os._exit(code),
}


def call(message):
    params = message["params"]
    name, arguments = params["name"], params.get("arguments", [])
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    if name == "hang":
        note("notifications/message", level="info", data="hangs")
        return
    if name == "stop":
        threading.Event().wait()
    if name == "progress":
        token = params["_meta"]["progressToken"]
        for step in (1, 2):
            note("notifications/progress", progressToken=token, progress=step)
    if name == "ask":
        write({"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": {"n": 1.0}})
        answer["result"] = json.loads(sys.stdin.readline())
        return write(answer)
    if name == "raw":
        sys.stdout.write(arguments[0].replace("$ID", json.dumps(message["id"])) + "\n")
        return sys.stdout.flush()
    if name == "huge":
        sys.stdout.write("x" * 100_000)
        return sys.stdout.flush()
    if name == "say":
        sys.stderr.write(arguments[0] * arguments[1])
        sys.stderr.flush()
    if name == "spout":
        while True:
            sys.stdout.write('{"jsonrpc":"2.0","method":"notifications/message","params":{}}\n')
    if name == "changed":
        note("notifications/tools/list_changed")
    work = TOOLS.get(name, lambda *given: given)
    answer["result"] = {"saw": message, "did": attempt(lambda: work(*arguments))}
    write(answer)


def main():
    if "--crash" in sys.argv:
        sys.exit(3)
    modern = "--modern" in sys.argv
    for line in sys.stdin:
        message = json.loads(line)
        method = message.get("method")
        if method == "initialize" and not modern:
            result = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "script", "version": "1.0"},
                "was": message["params"],
            }
            write({"jsonrpc": "2.0", "id": message["id"], "result": result})
        elif method == "server/discover" and modern:
            result = {"resultType": "complete", "supportedVersions": ["2026-07-28"]}
            write({"jsonrpc": "2.0", "id": message["id"], "result": result})
        elif method == "tools/call":
            call(message)
        elif method == "notifications/cancelled":
            sys.stderr.write("cancelled\n")
            sys.stderr.flush()
            note("notifications/message", data=["cancelled", message["params"]["requestId"]])
        elif "id" in message and method:
            error = {"code": -32601, "message": "unknown"}
            write({"jsonrpc": "2.0", "id": message["id"], "error": error})


main()

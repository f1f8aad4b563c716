#!/usr/bin/python3
"""A client that is not ours: Debian's python3-websockets speaks the protocol.

client.py open  WS_URL ADMIN_URL ADMIN_KEY   log in, live, be pushed to, be kicked
client.py token WS_URL TOKEN                 the same door with tokens
Exits non-zero at the first reply that differs from docs/protocol.md.
"""

import asyncio
import json
import sys
import urllib.request

import websockets

TIMEOUT = 20


def check(what, got, want):
    if got != want:
        raise SystemExit(f"{what}: got {got!r}, want {want!r}")


async def frame(ws):
    text = await asyncio.wait_for(ws.recv(), TIMEOUT)
    check("frame type", type(text), str)
    return json.loads(text)


async def ask(ws, action, seq=None, data=None, module="robot"):
    request = {"Module": module, "Action": action}
    if seq is not None:
        request["Seq"] = seq
    if data is not None:
        request["Data"] = data
    await ws.send(json.dumps(request))
    return await frame(ws)


def check_reply(reply, action, seq, code, keys=()):
    """The envelope of a reply: these keys and no others."""
    check(f"{action} Module", reply.get("Module"), "robot")
    check(f"{action} Action", reply.get("Action"), action)
    check(f"{action} Seq", reply.get("Seq"), seq)
    check(f"{action} Code ({reply})", reply.get("Code"), code)
    want = {"Module", "Action", "Code", *keys}
    if seq is not None:
        want.add("Seq")
    check(f"{action} keys", set(reply) - {"Temporary"}, want)


def check_time(reply):
    check("Ping time is a number", type(reply["Data"]["time"]), int)
    if not 1_600_000_000_000 < reply["Data"]["time"] < 10_000_000_000_000:
        raise SystemExit(f"Ping time is not in milliseconds: {reply}")


async def close_code(ws):
    try:
        while True:
            await frame(ws)
    except websockets.ConnectionClosed:
        return ws.close_code


async def admin(url, key, path, body):
    request = urllib.request.Request(
        url + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )

    def post():
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.load(answer)

    return await asyncio.get_running_loop().run_in_executor(None, post)


async def open_mode(url, admin_url, key):
    async with websockets.connect(url) as ws:
        # Before login: Ping and Login, nothing else.
        reply = await ask(ws, "Ping", 1)
        check_reply(reply, "Ping", 1, 0, ["Data"])
        check_time(reply)
        check_reply(await ask(ws, "HeartBeat", 2), "HeartBeat", 2, 401, ["Msg"])

        reply = await ask(ws, "Login", 3, {"UserId": "py", "PlatId": "1"})
        check_reply(reply, "Login", 3, 0, ["Data"])
        check("user", reply["Data"]["user"], "py")
        check("platform", reply["Data"]["platform"], "web")
        check("session is a string", type(reply["Data"]["session"]), str)
        check("server is a string", type(reply["Data"]["server"]), str)
        if not (isinstance(reply["Data"]["heartbeat"], int) and reply["Data"]["heartbeat"] > 0):
            raise SystemExit(f"heartbeat is not whole seconds: {reply}")
        session = reply["Data"]["session"]

        check_reply(await ask(ws, "HeartBeat"), "HeartBeat", None, 0)
        check_reply(await ask(ws, "HeartBeat", 4294967295), "HeartBeat", 4294967295, 0)
        reply = await ask(ws, "Ping")
        check_reply(reply, "Ping", None, 0, ["Data"])
        check_time(reply)

        # Many at once are answered in their order.
        for seq in range(100):
            await ws.send(json.dumps({"Module": "robot", "Action": ["Ping", "HeartBeat"][seq % 2], "Seq": seq}))
        for seq in range(100):
            check("order of replies", (await frame(ws))["Seq"], seq)

        # What can't be addressed, and what can't be read.
        reply = await ask(ws, "Dance", 5)
        check_reply(reply, "Dance", 5, 404, ["Msg"])
        if "Dance" not in reply["Msg"]:
            raise SystemExit(f"404 doesn't name the action: {reply}")
        await ws.send("{")
        check_reply(await frame(ws), "Error", None, 400, ["Msg"])

        # A native ping is answered with its own payload.
        await asyncio.wait_for(await ws.ping(b"alive?"), TIMEOUT)

        # A push over HTTP arrives as it was sent, numbers and letters too.
        message = {"text": "grüße 😀", "big": 9007199254740993, "n": 1.50}
        receipt = await admin(admin_url, key, "/api/push", {"users": ["py", "nobody"], "message": message})
        check("push sessions", receipt["sessions"], 1)
        check("push offline", receipt["offline"], ["nobody"])
        check("push", await frame(ws), {"Module": "push", "Action": "Message", "Data": message})

        # Logged out, the socket stays and is nobody's.
        check_reply(await ask(ws, "Logout", 6), "Logout", 6, 0)
        check_reply(await ask(ws, "HeartBeat", 7), "HeartBeat", 7, 401, ["Msg"])
        reply = await ask(ws, "Login", 8, {"UserId": "py", "PlatId": 3})
        check("platform", reply["Data"]["platform"], "ios")
        if reply["Data"]["session"] == session:
            raise SystemExit("a second login got the first one's session id")

        kicked = await admin(admin_url, key, "/api/kick", {"user": "py", "reason": "enough"})
        check("kicked", list(kicked.values()), [1])
        check("close code of a kick", await close_code(ws), 4004)

    # A close of our own is answered with the same code.
    ws = await websockets.connect(url)
    await ws.close(1000)
    check("close code", ws.close_code, 1000)

    # Two logins of one user on one platform: the older is told.
    async with websockets.connect(url) as first, websockets.connect(url) as second:
        check_reply(await ask(first, "Login", 1, {"UserId": "py2", "PlatId": "web"}), "Login", 1, 0, ["Data"])
        check_reply(await ask(second, "Login", 1, {"UserId": "py2", "PlatId": 1}), "Login", 1, 0, ["Data"])
        check("close code of the replaced", await close_code(first), 4003)
        check_reply(await ask(second, "HeartBeat", 2), "HeartBeat", 2, 0)


async def token_mode(url, token):
    async with websockets.connect(url) as ws:
        check_reply(await ask(ws, "Login", 1, {"UserId": "tess", "PlatId": 1}), "Login", 1, 401, ["Msg"])
    async with websockets.connect(url) as ws:
        reply = await ask(ws, "Login", 1, {"UserId": "mallory", "PlatId": 1, "Token": token})
        check("login as another user is refused", reply["Code"] in (401, 403), True)
    async with websockets.connect(url) as ws:
        reply = await ask(ws, "Login", 1, {"UserId": "tess", "PlatId": 1, "Token": token})
        check_reply(reply, "Login", 1, 0, ["Data"])
        check("user", reply["Data"]["user"], "tess")
    # Logged in by the opening handshake.
    async with websockets.connect(url, extra_headers={"Authorization": f"Bearer {token}"}) as ws:
        check("heartbeat after the header's login", await code_of(ws, 9), 0)
    protocols = ["pushd.v1", f"pushd.token.{token}"]
    async with websockets.connect(url, subprotocols=protocols) as ws:
        check("subprotocol", ws.subprotocol, "pushd.v1")
        check("heartbeat after the subprotocol's login", await code_of(ws, 9), 0)


async def code_of(ws, seq):
    """A heartbeat's code, whatever the server says first."""
    await ws.send(json.dumps({"Module": "robot", "Action": "HeartBeat", "Seq": seq}))
    while True:
        reply = await frame(ws)
        if reply.get("Seq") == seq:
            return reply["Code"]


modes = {"open": open_mode, "token": token_mode}
asyncio.run(modes[sys.argv[1]](*sys.argv[2:]))
print(f"python3-websockets {websockets.version.version}: {sys.argv[1]} ok")

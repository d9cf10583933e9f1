"""Measures `speech2face serve`: throughput, slow clients, uploads, live sessions, memory, ends.

    cargo build --release -p s2f-cli
    python benches/serve.py throughput slow upload live soak stop
    python benches/serve.py soak --minutes 60 --clients 2 --pause 0.5
    python benches/serve.py peers --python VENV/bin/python   # with the packages of serve_fastapi.py

Each part starts a server of its own on a free port. Standard library only. Linux: memory is read
from /proc. For `slow`, raise the limit of open files first: ulimit -n 8192.
"""

import argparse
import asyncio
import base64
import json
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/speech2face"
VOICE = (ROOT / "examples/voices/low.flac").read_bytes()
PATH = "/v1/reconstruct"


class Server:
    """A server of the program, or another command that listens on `port`."""

    def __init__(self, *arguments, command=None, port=None):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = port or free.getsockname()[1]
        listen = f"127.0.0.1:{self.port}"
        own = [PROGRAM, "serve", "--no-open", "--rate", "0", "--listen", listen, *arguments]
        begin = time.perf_counter()
        command = [part.format(port=self.port) for part in command] if command else own
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port)) as stream:
                    stream.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    if stream.recv(12).endswith(b"200"):
                        break
            except OSError:
                pass
            time.sleep(0.002)
        self.cold_start = time.perf_counter() - begin

    def memory_mb(self):
        """Resident memory."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024

    def cpu_s(self):
        """Processor time of all threads so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


async def ask(reader, writer, path=PATH, body=VOICE, accept="image/png"):
    """A request on an open connection; returns the status."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


async def client(port, until, times, statuses, pause):
    """Requests one after the other, on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        begin = time.perf_counter()
        status = await ask(reader, writer)
        times.append(time.perf_counter() - begin)
        statuses[status] = statuses.get(status, 0) + 1
        await asyncio.sleep(pause)
    writer.close()


async def load(port, clients, seconds, pause=0):
    times, statuses = [], {}
    begin = time.perf_counter()
    until = begin + seconds
    await asyncio.gather(*(client(port, until, times, statuses, pause) for _ in range(clients)))
    return sorted(times), statuses, time.perf_counter() - begin


def describe(name, times, statuses, seconds):
    def at(share):
        return 1e3 * times[min(len(times) - 1, int(share * len(times)))]

    print(
        f"{name}: {len(times) / seconds:.1f} requests/s, p50 {at(0.5):.0f} ms, "
        f"p99 {at(0.99):.0f} ms, status {statuses}",
        flush=True,
    )
    return at(0.99)


def loop_rate(count=60):
    """Recordings per second of `reconstruct` with one thread, which calls the library in a loop, and
    processor time of each, s."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for index in range(count):
            files.append(pathlib.Path(folder) / f"{index}.flac")
            files[-1].write_bytes(VOICE)
        command = [PROGRAM, "reconstruct", "-q", "--threads", "1", *files]
        begin, before = time.perf_counter(), os.times()
        subprocess.run(command, check=True)
        after = os.times()
        cpu = after.children_user + after.children_system
        cpu -= before.children_user + before.children_system
        return count / (time.perf_counter() - begin), cpu / count


def throughput(options):
    """Turns of the loop and of the service, so that both see the same machine."""
    ratios = {1: [], 4: [], 16: []}
    with Server() as server:
        print(f"cold start {1e3 * server.cold_start:.0f} ms, idle {server.memory_mb():.0f} MB")
        asyncio.run(load(server.port, 2, 2))
        for _ in range(options.turns):
            for clients in ratios:
                rate, cpu = loop_rate(40)
                print(f"library in a loop: {rate:.1f} recordings/s, {1e3 * cpu:.0f} ms of a core")
                before = server.cpu_s()
                times, statuses, seconds = asyncio.run(load(server.port, clients, 8))
                cpu = (server.cpu_s() - before) / len(times)
                describe(f"{clients} clients", times, statuses, seconds)
                ratios[clients].append(len(times) / seconds / rate)
                print(f"  {ratios[clients][-1]:.2f} times the loop, {1e3 * cpu:.0f} ms of a core")
        for clients, found in ratios.items():
            middle = sorted(found)[len(found) // 2]
            print(f"{clients} clients: median {middle:.2f} times the loop, of {len(found)} turns")
        print(f"memory after: {server.memory_mb():.0f} MB")


def peers(options):
    """The service and one in Python, turn by turn."""
    with tempfile.TemporaryDirectory() as folder:
        export = [PROGRAM, "model", "export", "-q", "-o", folder, "--format", "onnx"]
        subprocess.run(export, check=True)
        os.environ["S2F_ONNX"] = folder
        uvicorn = [options.python, "-m", "uvicorn", "serve_fastapi:app", "--app-dir"]
        uvicorn += [str(ROOT / "benches"), "--no-access-log", "--port", "{port}"]
        with Server() as ours, Server(command=uvicorn) as theirs:
            both = {"speech2face serve": ours, "FastAPI": theirs}
            for name, server in both.items():
                start, idle = 1e3 * server.cold_start, server.memory_mb()
                print(f"{name}: cold start {start:.0f} ms, idle {idle:.0f} MB", flush=True)
                asyncio.run(load(server.port, 2, 2))
            for clients in [1, 4, 16] * options.turns:
                for name, server in both.items():
                    before = server.cpu_s()
                    times, statuses, seconds = asyncio.run(load(server.port, clients, 8))
                    cpu = 1e3 * (server.cpu_s() - before) / len(times)
                    describe(f"{clients} clients, {name}", times, statuses, seconds)
                    print(f"  {cpu:.0f} ms of a core, {server.memory_mb():.0f} MB", flush=True)


async def slow_clients(port):
    """1000 idle keep-alive clients and 200 that never finish their headers."""
    open_ones = []
    for _ in range(1000):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"}")
        open_ones.append(writer)
    for _ in range(200):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: local")
        open_ones.append(writer)
    times, statuses, seconds = await load(port, 4, 10)
    for writer in open_ones:
        writer.close()
    return times, statuses, seconds


def slow(options):
    with Server() as server:
        asyncio.run(load(server.port, 2, 2))
        alone = describe("4 clients alone", *asyncio.run(load(server.port, 4, 10)))
        among = describe("among 1200 slow ones", *asyncio.run(slow_clients(server.port)))
        print(f"p99 {among / alone:.2f} times as long, memory {server.memory_mb():.0f} MB")


def upload(options):
    """4 GiB, announced and not announced."""
    with Server() as server:
        before = server.memory_mb()
        for header in ("Content-Length: 4294967296", "Transfer-Encoding: chunked"):
            with socket.create_connection(("127.0.0.1", server.port)) as stream:
                stream.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
                block = b"10000\r\n" + bytes(65536) + b"\r\n"
                sent, most, status = 0, before, None
                try:
                    while sent < 4 << 30 and not status:
                        stream.sendall(block)
                        sent += 65536
                        most = max(most, server.memory_mb())
                        if select.select([stream], [], [], 0)[0]:
                            status = stream.recv(12).decode()
                except OSError as error:
                    status = error
                print(f"{header}: {status} after {sent >> 20} MiB, memory +{most - before:.0f} MB")


async def live_session(port, seconds, results):
    """Speaks in real time, and counts what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        (
            f"GET /v1/live?faces=2 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: speech2face.v1\r\n\r\n"
        ).encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head:
        results.append(("refused", 0, []))
        return
    sent_at, latencies, ended = {}, [], "cut"

    async def speak():
        samples = LIVE_SAMPLES
        for number in range(10 * seconds):
            at = (number * 3200) % (len(samples) - 3200)
            piece = samples[at : at + 3200]
            header = struct.pack("!BBH", 0x82, 0x80 | 126, len(piece)) + bytes(4)
            writer.write(header + piece)
            await writer.drain()
            sent_at[(number + 1) / 10] = time.perf_counter()
            await asyncio.sleep(0.1)
        writer.write(struct.pack("!BB", 0x81, 0x80 | 3) + bytes(4) + b"end")
        await writer.drain()

    speaking = asyncio.create_task(speak())
    estimates, newest = 0, None
    try:
        while True:
            first, length = await reader.readexactly(2)
            if length == 126:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await reader.readexactly(8))
            payload = await reader.readexactly(length)
            if first & 15 == 1:
                message = json.loads(payload)
                if message["type"] == "estimate":
                    estimates += 1
                    newest = round(message["seconds"], 1)
                else:
                    ended = message["type"]
            elif first & 15 == 2 and newest is not None:
                latencies.append(time.perf_counter() - sent_at.get(newest, time.perf_counter()))
                newest = None
            elif first & 15 == 8:
                break
    except asyncio.IncompleteReadError:
        pass
    speaking.cancel()
    results.append((ended, estimates, latencies))


LIVE_SAMPLES = b""


async def live_sessions(port, count, seconds):
    results = []
    await asyncio.gather(*(live_session(port, seconds, results) for _ in range(count)))
    return results


def live(options):
    global LIVE_SAMPLES
    command = ["ffmpeg", "-v", "error", "-i", ROOT / "examples/voices/low.flac"]
    command += ["-f", "s16le", "-ac", "1", "-ar", "16000", "-"]
    LIVE_SAMPLES = subprocess.run(command, check=True, capture_output=True).stdout
    with Server() as server:
        for count in (1, 4, 100):
            results = asyncio.run(live_sessions(server.port, count, 12))
            ends = {}
            for end, _, _ in results:
                ends[end] = ends.get(end, 0) + 1
            times = sorted(time for _, _, latencies in results for time in latencies)
            estimates = [estimates for _, estimates, _ in results]
            middle = 1e3 * times[len(times) // 2] if times else float("nan")
            print(
                f"{count} sessions of 12 s: {ends}, {min(estimates)} to {max(estimates)} estimates "
                f"each, sound to first picture median {middle:.0f} ms",
                flush=True,
            )
        print(f"memory after: {server.memory_mb():.0f} MB")


def soak(options):
    with Server() as server:
        asyncio.run(load(server.port, 4, 20))
        begin, total = server.memory_mb(), {}
        print(f"memory at the start: {begin:.0f} MB", flush=True)
        end = time.time() + 60 * options.minutes
        while time.time() < end:
            _, statuses, _ = asyncio.run(load(server.port, options.clients, 30, options.pause))
            for status, count in statuses.items():
                total[status] = total.get(status, 0) + count
            print(f"  {server.memory_mb():.1f} MB, status {total}", flush=True)
        print(f"memory at the end: {server.memory_mb():.0f} MB, status {total}")


def kill(options):
    """SIGKILL under load, and a new server on the same port."""
    with Server() as server:
        port = server.port

        async def cut():
            task = asyncio.create_task(load(port, 4, 3))
            await asyncio.sleep(1)
            server.process.kill()
            try:
                await task
            except (asyncio.IncompleteReadError, ConnectionError):
                return

        asyncio.run(cut())
        server.process.wait()
    with Server(port=port) as server:
        times, statuses, _ = asyncio.run(load(port, 1, 2))
        start = 1e3 * server.cold_start
        print(f"after SIGKILL: ready on the same port after {start:.0f} ms, status {statuses}")


async def stop_under_load(server):
    times, statuses = [], {}

    async def one():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        except ConnectionRefusedError:
            return "refused"
        try:
            return await ask(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return "cut"

    tasks = []
    for number in range(60):
        tasks.append(asyncio.create_task(one()))
        if number == 30:
            server.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.01)
    for outcome in await asyncio.gather(*tasks):
        statuses[outcome] = statuses.get(outcome, 0) + 1
    return statuses


def stop(options):
    with Server() as server:
        print(f"SIGTERM under load: {asyncio.run(stop_under_load(server))}")


PARTS = {
    "throughput": throughput,
    "peers": peers,
    "slow": slow,
    "upload": upload,
    "live": live,
    "soak": soak,
    "stop": stop,
    "kill": kill,
}


def main():
    global PROGRAM
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--minutes", type=float, default=5, help="of soak")
    parser.add_argument("--clients", type=int, default=4, help="of soak")
    parser.add_argument("--pause", type=float, default=0, help="between requests of soak, seconds")
    parser.add_argument("--turns", type=int, default=3, help="of throughput and peers")
    parser.add_argument("--python", default=sys.executable, help="with FastAPI, for peers")
    parser.add_argument("--program", type=pathlib.Path, default=PROGRAM)
    options = parser.parse_args()
    PROGRAM = options.program
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} does not exist; hint: cargo build --release -p s2f-cli")
    for part in options.parts:
        PARTS[part](options)


if __name__ == "__main__":
    main()

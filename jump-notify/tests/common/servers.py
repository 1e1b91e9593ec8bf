"""Real servers for the tests: prints `ready PORT`, then one line for each thing that it got.

servers.py http [--tls CERT KEY] [--status N,N,...] [--answer TEXT] [--slow]
servers.py smtp [--tls CERT KEY] [--starttls CERT KEY] [--refuse ADDRESS] [--down N]
"""
import json, ssl, sys, threading

arguments = sys.argv[1:]
kind = arguments.pop(0)
options = {}
while arguments:
    name = arguments.pop(0)
    count = 2 if name in ("--tls", "--starttls") else 0 if name == "--slow" else 1
    options[name] = [arguments.pop(0) for _ in range(count)]


def context(name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*options[name])
    return made


def say(*words):
    # In one piece: print writes the end of a line by itself, and another thread may come between.
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if kind == "http":
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    statuses = [int(status) for status in options.get("--status", ["200"])[0].split(",")]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            say("got", json.dumps({"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}, "body": body}))
            if "--slow" in options:
                threading.Event().wait()
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            answer = options.get("--answer", [""])[0].encode()
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):
            say("failed", repr(sys.exc_info()[1]))

    server = Server(("127.0.0.1", 0), Handler)
    port = server.server_address[1]
    if "--tls" in options:
        server.socket = context("--tls").wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    say("ready", port)
    server.serve_forever()
else:
    import asyncio
    from aiosmtpd.smtp import SMTP

    left = int(options.get("--down", ["0"])[0])

    class Handler:
        async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
            global left
            if [address] == options.get("--refuse"):
                return "550 no such mailbox"
            if left > 0:
                left -= 1
                return "451 try again later"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server, session, envelope):
            message = {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "tls": session.ssl is not None or "--tls" in options,
                "content": envelope.content.decode(),
            }
            say("got", json.dumps(message))
            return "250 OK"

    async def serve():
        more = {}
        if "--starttls" in options:
            more = {"tls_context": context("--starttls"), "require_starttls": True}
        wrapped = context("--tls") if "--tls" in options else None
        make = lambda: SMTP(Handler(), hostname="localhost", **more)
        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=wrapped)
        say("ready", server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())

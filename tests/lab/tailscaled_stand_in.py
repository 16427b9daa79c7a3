"""A tailscaled for the tests that says what it is told, where the tailnet of the tests cannot be brought to it:

    python3 tailscaled_stand_in.py ANSWERS

ANSWERS is a file of JSON: the answer to each question by the first word of its path, {"status": {…}, "whois": {…}}; what is not
there is a 404."""

import http.server
import json
import os
import pathlib
import socketserver
import sys

SOCKET = pathlib.Path("/run/tailscale/tailscaled.sock")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = json.loads(pathlib.Path(sys.argv[1]).read_text()).get(self.path.split("/")[3].partition("?")[0])
        body = json.dumps(answer).encode() if answer else b"no match"
        self.send_response(200 if answer else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


SOCKET.parent.mkdir(exist_ok=True)
SOCKET.unlink(missing_ok=True)
with socketserver.ThreadingUnixStreamServer(str(SOCKET), Handler) as server:
    os.chmod(SOCKET, 0o666)
    server.serve_forever()

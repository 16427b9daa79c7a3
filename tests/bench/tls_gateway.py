"""A gateway behind TLS: what the primary of `make bench` answers over HTTPS, a full handshake each.

    python3 tls_gateway.py PORT        with /etc/tls.crt and /etc/tls.key
"""

import http.server
import ssl
import sys

ANSWERS = {"/health": b'{"ok":true,"status":"live"}', "/startupz": b'{"status":"started"}'}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 4096  # head and body in one segment, at once
    disable_nagle_algorithm = True

    def do_GET(self):
        answer = ANSWERS[self.path]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *words):
        pass

    def setup(self):
        self.request.do_handshake()  # in the connection's own thread
        super().setup()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *words):
        """A client that has gone."""


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/tls.crt", "/etc/tls.key")
server = Server(("", int(sys.argv[1])), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()

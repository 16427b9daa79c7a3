"""A gateway behind TLS: what the primary of `make bench` answers over HTTPS, a full handshake each.

    python3 tls_gateway.py PORT        with /etc/tls.crt and /etc/tls.key
"""

import http.server
import ssl
import sys

ANSWER = b'{"ok":true,"status":"live"}'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 4096  # head and body in one segment

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *words):
        pass

    def handle(self):
        try:  # the handshake in the connection's own thread
            self.request.do_handshake()
            super().handle()
        except OSError:
            pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/tls.crt", "/etc/tls.key")
server = http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Handler)
server.daemon_threads = True
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()

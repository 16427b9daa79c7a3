"""A web service for the tests: writes down what it is sent, a line of JSON each, and answers as its file says.

    python3 receiver.py ADDRESS PORT DIRECTORY

DIRECTORY/requests gets {"method", "path", "body"}; DIRECTORY/answer holds the status and headers to answer with, such as
"429 Retry-After=3600", or "hang".
"""

import http.server
import json
import pathlib
import sys
import time

ADDRESS, PORT, DIRECTORY = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with open(DIRECTORY / "requests", "a") as file:
            file.write(json.dumps({"method": self.command, "path": self.path, "body": body}) + "\n")
        status, *headers = (DIRECTORY / "answer").read_text().split()
        if status == "hang":
            time.sleep(600)
        self.send_response(int(status))
        for header in headers:
            self.send_header(*header.split("=", 1))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


Server((ADDRESS, PORT), Handler).serve_forever()

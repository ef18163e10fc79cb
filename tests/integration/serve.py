#!/usr/bin/env python3
"""Serves a folder over http on a free port of loopback, with faults. Ends when its standard input does.

serve.py FOLDER PORT-FILE LOG: writes the port to PORT-FILE, and each path asked for to LOG.
/cut/N/x ends the first N answers early.
/busy/N/x makes the first N answers 503.
/hang/x sends half of the file, then nothing.
/moved/x redirects to /x.
"""
import http.server
import os
import sys
import threading

folder, port_file, log = sys.argv[1:4]
seen = {}
ended = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(log, "a") as f:
            f.write(self.path + "\n")
        parts = self.path.split("?")[0].strip("/").split("/")
        seen[self.path] = seen.get(self.path, 0) + 1
        fault = parts[0] if parts[0] in ("cut", "busy") and seen[self.path] <= int(parts[1]) else None
        if parts[0] == "moved":
            self.send_response(302)
            self.send_header("Location", "/" + parts[-1])
            self.end_headers()
            return
        path = os.path.join(folder, parts[-1])
        if fault == "busy" or not os.path.isfile(path):
            self.send_error(503 if fault else 404)
            return
        with open(path, "rb") as f:
            body = f.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault or parts[0] == "hang" else body)
        self.wfile.flush()
        if parts[0] == "hang":
            ended.wait()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
sys.stdin.read()
ended.set()

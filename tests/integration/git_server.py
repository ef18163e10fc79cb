#!/usr/bin/env python3
"""Serves the bare repositories of a folder over https on a free port of loopback, with faults. Ends when its standard
input does.

git_server.py FOLDER CERTIFICATE-AND-KEY PORT-FILE LOG: writes the port to PORT-FILE, and each path asked for to LOG.
/x.git/... is served by git's own http-backend. In front of it:
/moved/x.git           redirects to the same path without /moved.
/elsewhere/x.git       redirects to https://127.0.0.1, another name of this host.
/plain/x.git           redirects to http://.
/private/x.git         asks for a password.
/silent/x.git          sends nothing.
/stuck/x.git           lists the names, and sends nothing as a pack is asked for.
/cut/x.git             ends the pack after half of it.
/once/x.git            sends half of the first pack, and then nothing; later ones are whole.
/slow/x.git            stops for three seconds in the middle of the pack.
/other/OID/x.git       sends the pack of the commit OID, whatever was asked for.
"""
import http.server
import os
import re
import ssl
import subprocess
import sys
import threading

folder, certificate, port_file, log = sys.argv[1:5]
faults = ("moved", "elsewhere", "plain", "private", "silent", "stuck", "cut", "once", "slow", "other")
ended = threading.Event()
once = threading.Lock()


def backend(method, path, query, content_type, body):
    environment = {
        "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": folder, "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": method,
        "PATH_INFO": path, "QUERY_STRING": query, "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body)),
        "HOME": folder, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
    }
    answer = subprocess.run(["git", "http-backend"], env=environment, input=body, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=True)
    head, _, content = answer.stdout.partition(b"\r\n\r\n")
    return [line.split(": ", 1) for line in head.decode().split("\r\n")], content


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def redirect(self, to):
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def serve(self):
        with open(log, "a") as f:
            f.write(f"{self.command} {self.path}\n")
        body = self.body()
        path, _, query = self.path.partition("?")
        fault, _, rest = path[1:].partition("/")
        fault, rest = (fault, "/" + rest) if fault in faults else ("", path)
        target = rest + ("?" + query if query else "")
        port = self.server.server_port
        hosts = {"moved": "", "elsewhere": f"https://127.0.0.1:{port}", "plain": f"http://localhost:{port}"}
        if fault in hosts:
            return self.redirect(hosts[fault] + target)
        if fault == "private":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="team"')
            self.send_header("Content-Length", "0")
            return self.end_headers()
        pack = path.endswith("/git-upload-pack")
        if fault == "silent" or (fault == "stuck" and pack):
            return ended.wait()
        if fault == "other":
            oid, _, rest = rest[1:].partition("/")
            rest = "/" + rest
            body = re.sub(rb"want [0-9a-f]{40}", b"want " + oid.encode(), body)
        headers, content = backend(self.command, rest, query, self.headers.get("Content-Type", ""), body)
        status = dict(headers).get("Status", "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault == "slow" and pack:
            self.wfile.write(content[:100])
            ended.wait(3)
            content = content[100:]
        half = pack and (fault == "cut" or (fault == "once" and once.acquire(blocking=False)))
        self.wfile.write(content[: len(content) // 2] if half else content)
        if half and fault == "once":
            ended.wait()
        self.close_connection = self.close_connection or half

    do_GET = do_POST = serve

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(port_file + ".tmp", "w") as f:
    f.write(str(server.server_port))
os.rename(port_file + ".tmp", port_file)
sys.stdin.read()
ended.set()

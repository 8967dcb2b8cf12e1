"""A loopback OSV service over the shared advisories, for peers that only match through a network service.

Answers `POST /v1/query`, `POST /v1/querybatch` and `GET /v1/vulns/ID` for PyPI packages with versions, by the same data
that Weighbridge embeds. Prints its port on the first line, ends by itself after ten minutes or when standard input closes.
"""

import http.server
import json
import os
import sys
import threading

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


def load(path):
    by_package = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if "withdrawn" in record:
                continue
            for affected in record.get("affected", []):
                name = canonicalize_name(affected["package"]["name"])
                by_package.setdefault(name, []).append((record, affected))
    return by_package


def version(text):
    try:
        return Version(text)
    except InvalidVersion:
        return None


def affects(affected, wanted):
    """OSV's evaluation: events in the order of versions, the last one at or below `wanted` decides."""
    for span in affected.get("ranges", []):
        if span["type"] != "ECOSYSTEM":
            continue
        vulnerable = False
        events = []
        for event in span["events"]:
            for kind, text in event.items():
                at = Version("0.dev0") if text == "0" else version(text)
                if at is not None:
                    events.append((at, ["fixed", "introduced", "last_affected"].index(kind), kind))
        for at, _, kind in sorted(events):
            if kind == "introduced" and wanted >= at:
                vulnerable = True
            elif kind == "fixed" and wanted >= at:
                vulnerable = False
            elif kind == "last_affected" and wanted > at:
                vulnerable = False
        if vulnerable:
            return True
    return any(version(text) == wanted for text in affected.get("versions", []))


def main():
    by_package = load(sys.argv[1])

    def query(body):
        wanted = version(body.get("version", ""))
        rows = by_package.get(canonicalize_name(body["package"]["name"]), [])
        found = {record["id"]: record for record, affected in rows if wanted and affects(affected, wanted)}
        return [found[key] for key in sorted(found)]

    by_id = {record["id"]: record for rows in by_package.values() for record, _ in rows}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/querybatch"):
                # As the real one, which names records here and gives them away one by one.
                brief = lambda record: {"id": record["id"], "modified": record["modified"]}
                self.answer({"results": [{"vulns": [brief(it) for it in query(one)]} for one in body["queries"]]})
            else:
                self.answer({"vulns": query(body)})

        def do_GET(self):
            record = by_id.get(self.path.rsplit("/", 1)[1])
            self.answer(record or {"code": 5, "message": "not found"}, 200 if record else 404)

        def answer(self, content, status=200):
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    threading.Timer(600, lambda: os._exit(0)).start()
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


main()

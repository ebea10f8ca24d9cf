"""A server on the loopback interface that speaks the Hugging Face Hub's endpoints.

It keeps repositories in memory: commits, branches, large files, who may read and write.
It writes down each request, and fails on demand.
"""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

OWNER = "hf_owner"
READER = "hf_reader"
NAMESPACE = "owner"
LARGE = 10_000_000
CUT = "cut"


@dataclass
class Repository:
    private: bool = False
    gated: bool = False
    branches: dict = field(default_factory=dict)
    commits: dict = field(default_factory=dict)
    messages: list = field(default_factory=list)

    def commit(self, branch, changes, message):
        """Put `changes` on top of a branch, and give the commit's hash."""
        files = {**self.commits.get(self.branches.get(branch), {}), **changes}
        listing = [(path, git_hash(files[path])) for path in sorted(files)]
        log = [self.branches.get(branch), message, len(self.commits), listing]
        sha = hashlib.sha1(json.dumps(log).encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        self.messages.append(message)
        return sha

    def files(self, branch="main"):
        return self.commits[self.branches[branch]]


@dataclass
class Fault:
    """What is to go wrong with requests whose "METHOD /path" matches a pattern.

    `action` is an HTTP status to answer with, or CUT: a download is cut in the middle
    of the file, and other requests are left without an answer.
    """

    pattern: str
    action: int | str
    times: int


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class HubServer:
    """Serves between ``__enter__`` and ``__exit__``, at `url`."""

    def __init__(self):
        server = self

        class Handler(_Handler):
            hub = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        # As on the Hub, large files are at another host.
        self.large_url = f"http://localhost:{self._http.server_port}/large-files"
        self.reset()

    def reset(self):
        self.repositories = {}
        self.large_files = {}
        self.log = []
        self.faults = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def add(self, repo_id, files, *, branch="main", **settings):
        """Commit files, by path, to a repository made where it is not there."""
        repository = self.repositories.setdefault(repo_id, Repository(**settings))
        return repository.commit(branch, files, "Add files")

    def fail(self, pattern, action, times=1000):
        self.faults.append(Fault(pattern, action, times))

    def requests(self, pattern):
        """The requests so far, as "METHOD /path", that match."""
        return [request for request in self.log if re.search(pattern, request)]

    def downloads(self):
        """The paths of the files downloaded so far, as often as they were."""
        found = (re.match("GET .*/resolve/[^/]+/(.*)", request) for request in self.log)
        return sorted(match[1] for match in found if match)


class _HubError(Exception):
    def __init__(self, status, message, code=None):
        super().__init__(message)
        self.status = status
        self.code = code


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer

    def log_message(self, *args):
        """Leave standard error alone."""

    def do_GET(self):
        self.handle_request()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def handle_request(self):
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length)
        request = f"{self.command} {unquote(url.path)}"
        self.hub.log.append(request)
        self.cut = False
        fault = self.due_fault(request)
        try:
            if fault == CUT:
                self.cut = True
                if self.command != "GET":
                    return
            elif fault:
                raise _HubError(fault, f"The server was told to answer {fault}.")
            self.route(url.path)
        except _HubError as error:
            headers = {"X-Error-Message": str(error)}
            if error.code:
                headers["X-Error-Code"] = error.code
            self.send_json({"error": str(error)}, error.status, headers)

    def due_fault(self, request):
        for fault in self.hub.faults:
            if fault.times and re.search(fault.pattern, request):
                fault.times -= 1
                return fault.action
        return None

    def route(self, path):
        routes = {
            r"GET /api/models/(.+?)(?:/revision/([^/]+))?": self.model_info,
            r"GET /api/models/(.+?)/tree/([^/]+)": self.tree,
            r"(?:GET|HEAD) /(.+?)/resolve/([^/]+)/(.+)": self.resolve,
            r"(?:GET|HEAD) /large-files/(\w+)": self.large_file,
            r"POST /api/repos/create": self.create,
            r"POST /api/validate-yaml": self.validate_yaml,
            r"POST /api/models/(.+?)/preupload/([^/]+)": self.preupload,
            r"POST /(.+?)\.git/info/lfs/objects/batch": self.large_batch,
            r"PUT /large-files/(\w+)": self.upload_large,
            r"POST /large-files/(\w+)/verify": self.verify_large,
            r"POST /api/models/(.+?)/commit/([^/]+)": self.commit,
        }
        found = [
            (handler, match)
            for pattern, handler in routes.items()
            if (match := re.fullmatch(pattern, f"{self.command} {path}"))
        ]
        if not found:
            raise _HubError(404, f"No such endpoint: {self.command} {path}")
        handler, match = found[-1]
        handler(*(part and unquote(part) for part in match.groups()))

    # Who may do what

    def token(self):
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        if token not in (None, OWNER, READER):
            raise _HubError(401, "Invalid credentials in Authorization header")
        return token

    def repository(self, repo_id):
        token = self.token()
        found = self.hub.repositories.get(repo_id)
        if found is None or (found.private and token != OWNER):
            # The Hub does not tell strangers whether there is such a repository.
            status = 401 if token is None else 404
            raise _HubError(status, "Repository not found", "RepoNotFound")
        return found

    def commit_of(self, repo_id, revision):
        repository = self.repository(repo_id)
        sha = repository.branches.get(revision or "main", revision)
        if sha not in repository.commits:
            raise _HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return sha, repository.commits[sha]

    def check_may_write(self):
        token = self.token()
        if token != OWNER:
            status = 401 if token is None else 403
            raise _HubError(status, "You don't have the rights to write here")

    # Downloads

    def model_info(self, repo_id, revision):
        repository = self.repository(repo_id)
        sha, files = self.commit_of(repo_id, revision)
        self.send_json(
            {
                "id": repo_id,
                "modelId": repo_id,
                "sha": sha,
                "private": repository.private,
                "gated": repository.gated,
                "tags": [],
                "siblings": [{"rfilename": path} for path in sorted(files)],
            }
        )

    def tree(self, repo_id, revision):
        _, files = self.commit_of(repo_id, revision)
        self.send_json([tree_entry(path, files[path]) for path in sorted(files)])

    def resolve(self, repo_id, revision, path):
        sha, files = self.commit_of(repo_id, revision)
        headers = {"X-Repo-Commit": sha}
        if self.repository(repo_id).gated and self.token() != OWNER:
            raise _HubError(403, "Access to this model is restricted", "GatedRepo")
        if path not in files:
            raise _HubError(404, "Entry not found", "EntryNotFound")
        content = files[path]
        if is_large(content):
            oid = sha256(content)
            self.hub.large_files[oid] = content
            headers["X-Linked-ETag"] = f'"{oid}"'
            headers["X-Linked-Size"] = str(len(content))
            headers["Location"] = f"{self.hub.large_url}/{oid}"
            self.send(302, b"", headers)
        else:
            headers["ETag"] = f'"{git_hash(content)}"'
            self.send_file(content, headers)

    def large_file(self, oid):
        self.send_file(self.hub.large_files[oid], {"ETag": f'"{oid}"'})

    # Uploads

    def create(self):
        self.check_may_write()
        asked = json.loads(self.body)
        repo_id = f"{asked.get('organization') or NAMESPACE}/{asked['name']}"
        is_new = repo_id not in self.hub.repositories
        if is_new:
            private = bool(asked.get("private") or asked.get("visibility") == "private")
            self.hub.add(repo_id, {".gitattributes": b""}, private=private)
        answer = {"url": f"{self.hub.url}/{repo_id}", "name": repo_id}
        self.send_json(answer, 200 if is_new else 409)

    def validate_yaml(self):
        self.send_json({"errors": [], "warnings": []})

    def preupload(self, repo_id, revision):
        self.commit_of(repo_id, revision)
        files = json.loads(self.body)["files"]
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["size"] > LARGE else "regular",
                "shouldIgnore": False,
            }
            for file in files
        ]
        self.send_json({"files": modes})

    def large_batch(self, repo_id):
        self.check_may_write()
        objects = json.loads(self.body)["objects"]
        for entry in objects:
            if entry["oid"] not in self.hub.large_files:
                href = f"{self.hub.large_url}/{entry['oid']}"
                verify = {"href": f"{href}/verify"}
                entry["actions"] = {"upload": {"href": href}, "verify": verify}
        self.send_json({"transfer": "basic", "objects": objects})

    def upload_large(self, oid):
        if sha256(self.body) != oid:
            raise _HubError(400, "The content is not what was announced")
        self.hub.large_files[oid] = self.body
        self.send(200, b"", {})

    def verify_large(self, oid):
        status = 200 if oid in self.hub.large_files else 404
        self.send_json({}, status)

    def commit(self, repo_id, branch):
        self.check_may_write()
        repository = self.repository(repo_id)
        changes, message = {}, None
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                message = value["summary"]
            elif entry["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                changes[value["path"]] = self.hub.large_files[value["oid"]]
        sha = repository.commit(branch, changes, message)
        url = f"{self.hub.url}/{repo_id}/commit/{sha}"
        self.send_json({"success": True, "commitOid": sha, "commitUrl": url})

    # Answers

    def send_json(self, value, status=200, headers=()):
        content = json.dumps(value).encode()
        headers = {"Content-Type": "application/json", **dict(headers)}
        self.send(status, content, headers)

    def send_file(self, content, headers):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked:
            start, end = int(asked[1]), len(content)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{end}"
            content = content[start:]
        self.send(206 if asked else 200, content, headers)

    def send(self, status, content, headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if self.cut else content)


def is_large(content):
    """Whether a file is kept as a large one, which has an address of its own."""
    return len(content) > LARGE


def tree_entry(path, content):
    entry = {"type": "file", "path": path, "size": len(content)}
    entry["oid"] = git_hash(content)
    if is_large(content):
        oid, size = sha256(content), len(content)
        entry["lfs"] = {"oid": oid, "size": size, "pointerSize": 134}
    return entry

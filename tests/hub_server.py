"""A stand-in for the Hugging Face Hub's HTTP interface on this machine, as strict as tests need it to be.

It keeps repositories in memory. Whatever the client sends that the Hub would not take is refused and kept in `wrong`.
"""

import base64
import contextlib
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml

WRITER, READER = "hf_writer", "hf_reader"
LARGE = 4096  # bytes from which a file goes through LFS
_JSON = "application/json"


@dataclass
class Repository:
    """Branches and commits: a commit is all its files."""

    private: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self, branch, files):
        """Adds a commit; returns its name."""
        name = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[name] = files
        self.branches[branch] = name
        return name

    def files(self, revision):
        """(commit, files) of a branch or commit; None where there is none."""
        commit = self.branches.get(revision, revision)
        return (commit, self.commits[commit]) if commit in self.commits else None


class Hub(ThreadingHTTPServer):
    """The server. `requests` has (method, path) of all that were made; `cut` names files whose content breaks off."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.agents: set[str] = set()
        self.wrong: list[str] = []
        self.cut: set[str] = set()
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.store = f"http://localhost:{self.server_port}"  # another host, as the Hub's own store is

    def add(self, name, files, private=False, branch="main"):
        """Puts files into a repository; returns the commit."""
        repository = self.repositories.setdefault(name, Repository(private))
        return repository.commit(branch, dict(files))


class Refused(Exception):
    """An answer other than 200: status, the Hub's error code, its message."""


class Handler(BaseHTTPRequestHandler):
    """One request. Paths and headers are those of huggingface_hub 2.4."""

    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *arguments):
        """Says nothing."""

    def do_GET(self):
        """Any method: routes by the path."""
        address = urlsplit(self.path)
        self.query = parse_qs(address.query)
        self.server.requests.append((self.command, unquote(address.path)))
        self.server.agents.add(self.headers.get("User-Agent", ""))
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().strip() or b"0", 16):
                self.body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        try:
            for method, pattern, action in ROUTES:
                found = re.fullmatch(pattern, address.path)
                if found and self.command in method:
                    action(self, *map(unquote, found.groups("")))
                    return
            self.refuse(404, "", f"no such route: {self.command} {self.path}", wrong=True)
        except Refused as refused:
            status, code, message = refused.args
            self.answer(status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message})

    do_HEAD = do_POST = do_PUT = do_GET

    def answer(self, status, content=None, headers=(), cut=False):
        """Sends bytes, or data as JSON."""
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if "Content-Length" not in dict(headers):
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw[: len(raw) // 2] if cut else raw)
        if cut:
            self.close_connection = True

    def refuse(self, status, code="", message="", wrong=False):
        """Ends the request with an error; `wrong` where a client should never have sent it."""
        if wrong:
            self.server.wrong.append(f"{self.command} {self.path}: {message}")
        raise Refused(status, code, message)

    def require(self, condition, message):
        """Refuses what the client must never send."""
        if not condition:
            self.refuse(400, "", message, wrong=True)

    def token(self):
        """The token, or None. Refuses an unknown one."""
        value = self.headers.get("Authorization")
        if value is None:
            return None
        token = value.removeprefix("Bearer ")
        if token not in (WRITER, READER):
            self.refuse(401, "", "Invalid credentials in Authorization header")
        return token

    def may_write(self):
        """Refuses those who may not."""
        if self.token() is None:
            self.refuse(401, "", "Invalid username or password.")
        if self.token() != WRITER:
            self.refuse(403, "", "You don't have the rights to write here")

    def repository(self, name):
        """A repository that the token may see."""
        found = self.server.repositories.get(name)
        if found is None or (found.private and self.token() is None):
            self.refuse(404 if self.token() else 401, "RepoNotFound", "Repository not found")
        return found

    def data(self, kind=_JSON):
        """The body as JSON."""
        self.require(kind in self.headers.get("Content-Type", ""), f"not {kind}")
        return json.loads(self.body)

    def create(self):
        """POST /api/repos/create."""
        self.may_write()
        data = self.data()
        self.require(set(data) <= {"name", "organization", "type", "visibility"}, f"unknown keys in {data}")
        self.require(data.get("type", "model") == "model", "not a model")
        name = f"{data['organization']}/{data['name']}"
        if name in self.server.repositories:
            self.refuse(409, "", "You already created this model repo")
        repository = self.server.repositories[name] = Repository(data.get("visibility") == "private")
        repository.commit("main", {".gitattributes": b"*.bin filter=lfs\n"})
        self.answer(200, {"url": f"{self.server.address}/{name}", "name": name})

    def branch(self, name, revision):
        """POST /api/models/NAME/branch/REVISION."""
        self.may_write()
        repository = self.repository(name)
        if revision in repository.branches:
            self.refuse(409, "", "Reference already exists")
        repository.branches[revision] = repository.branches["main"]
        self.answer(200, {})

    def info(self, name, revision=""):
        """GET /api/models/NAME and …/revision/REVISION."""
        self.token()
        repository = self.repository(name)
        commit, files = self.found(repository, revision or "main")
        siblings = [
            {"rfilename": path, **({"size": len(content), "blobId": _oid(content)} if "blobs" in self.query else {})}
            for path, content in files.items()
        ]
        self.answer(200, {"_id": "1", "id": name, "sha": commit, "private": repository.private, "siblings": siblings})

    def found(self, repository, revision):
        """(commit, files) of a revision."""
        found = repository.files(revision)
        if found is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    def validate(self):
        """POST /api/validate-yaml."""
        data = self.data()
        front = re.match(r"---\n(.*?)\n---", data["content"], re.DOTALL)
        self.require(front is not None, "README.md has no front matter")
        keys = yaml.safe_load(front[1])
        self.require(isinstance(keys, dict) and isinstance(keys.get("tags"), list), "front matter is no mapping")
        self.answer(200, {"errors": [], "warnings": []})

    def preupload(self, name, revision):
        """POST /api/models/NAME/preupload/REVISION."""
        self.may_write()
        _, files = self.found(self.repository(name), revision)
        answers = []
        for entry in self.data()["files"]:
            self.require(set(entry) == {"path", "sample", "size"}, f"odd entry {sorted(entry)}")
            base64.b64decode(entry["sample"], validate=True)
            old = files.get(entry["path"])
            mode = "lfs" if entry["size"] >= LARGE else "regular"
            answers.append({"path": entry["path"], "uploadMode": mode, "shouldIgnore": False})
            if old is not None:
                answers[-1]["oid"] = hashlib.sha256(old).hexdigest() if len(old) >= LARGE else _oid(old)
        self.answer(200, {"files": answers})

    def batch(self, name):
        """POST /NAME.git/info/lfs/objects/batch."""
        self.may_write()
        self.repository(name)
        data = self.data("application/vnd.git-lfs+json")
        self.require(data["operation"] == "upload" and data["hash_algo"] == "sha256", "not an upload")
        self.require("basic" in data["transfers"], "no basic transfer")
        objects = []
        for entry in data["objects"]:
            self.require(re.fullmatch(r"[0-9a-f]{64}", entry["oid"]) is not None, "no sha256")
            known = entry["oid"] in self.server.large
            upload = {"href": f"{self.server.store}/upload/{entry['oid']}/{entry['size']}"}
            objects.append({**entry, **({} if known else {"actions": {"upload": upload}})})
        self.answer(200, {"transfer": "basic", "objects": objects})

    def upload(self, oid, size):
        """PUT /upload/SHA256/SIZE."""
        self.require(len(self.body) == int(size), f"{len(self.body)} bytes, announced {size}")
        self.require(hashlib.sha256(self.body).hexdigest() == oid, "another content than announced")
        self.require("Authorization" not in self.headers, "the token was sent to the store")
        self.server.large[oid] = self.body
        self.answer(200, b"")

    def commit(self, name, revision):
        """POST /api/models/NAME/commit/REVISION: lines of JSON."""
        self.may_write()
        self.require("application/x-ndjson" in self.headers.get("Content-Type", ""), "not ndjson")
        repository = self.repository(name)
        _, files = self.found(repository, revision)
        self.require(revision in repository.branches, "a commit goes to a branch")
        files = dict(files)
        head, *lines = (json.loads(line) for line in self.body.splitlines())
        self.require(head["key"] == "header" and head["value"]["summary"], "no header")
        for line in lines:
            value, path = line["value"], line["value"]["path"]
            self.require(not path.startswith("/") and ".." not in path.split("/"), f"path {path}")
            if line["key"] == "file":
                self.require(value["encoding"] == "base64", "not base64")
                files[path] = base64.b64decode(value["content"], validate=True)
                self.require(len(files[path]) < LARGE, f"{path} had to go through LFS")
            elif line["key"] == "lfsFile":
                self.require(value["algo"] == "sha256" and value["oid"] in self.server.large, f"{path} was not sent")
                files[path] = self.server.large[value["oid"]]
                self.require(len(files[path]) == value["size"], f"{path} has another size")
            else:
                self.require(line["key"] == "deletedFile" and path in files, f"{line['key']} of {path}")
                del files[path]
        commit = repository.commit(revision, files)
        self.answer(200, {"commitUrl": f"{self.server.address}/{name}/commit/{commit}", "commitOid": commit})

    def resolve(self, name, revision, path):
        """HEAD and GET /NAME/resolve/REVISION/PATH: a large file is a redirect to a store."""
        self.token()
        commit, files = self.found(self.repository(name), revision)
        if path not in files:
            self.refuse(404, "EntryNotFound", "Entry not found")
        content = files[path]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_oid(content)}"', "Accept-Ranges": "bytes"}
        if len(content) < LARGE:
            self.content(content, headers, path in self.server.cut)
            return
        digest = hashlib.sha256(content).hexdigest()
        self.server.large[digest] = content
        headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
        cut = "/cut" if path in self.server.cut else ""
        self.answer(302, b"", {**headers, "Location": f"{self.server.store}/store/{digest}{cut}"})

    def stored(self, digest, cut=None):
        """GET /store/SHA256."""
        self.content(self.server.large[digest], {"ETag": f'"{digest}"'}, bool(cut))

    def content(self, content, headers, cut):
        """A file, or the range of it that is asked for."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked:
            headers["Content-Range"] = f"bytes {asked[1]}-{len(content) - 1}/{len(content)}"
            content = content[int(asked[1]) :]
        if self.command == "HEAD":
            headers["Content-Length"] = str(len(content))
        with contextlib.suppress(ConnectionError):
            self.answer(206 if asked else 200, content, headers, cut)


def _oid(content):
    """What git calls a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


_NAME = r"([\w.-]+/[\w.-]+)"
ROUTES = [
    (("POST",), "/api/repos/create", Handler.create),
    (("POST",), "/api/validate-yaml", Handler.validate),
    (("POST",), rf"/api/models/{_NAME}/branch/([^/]+)", Handler.branch),
    (("POST",), rf"/api/models/{_NAME}/preupload/([^/]+)", Handler.preupload),
    (("POST",), rf"/api/models/{_NAME}/commit/([^/]+)", Handler.commit),
    (("GET",), rf"/api/models/{_NAME}", Handler.info),
    (("GET",), rf"/api/models/{_NAME}/revision/([^/]+)", Handler.info),
    (("POST",), rf"/{_NAME}\.git/info/lfs/objects/batch", Handler.batch),
    (("PUT",), r"/upload/(\w+)/(\d+)", Handler.upload),
    (("GET", "HEAD"), r"/store/(\w+)(/cut)?", Handler.stored),
    (("GET", "HEAD"), rf"/{_NAME}/resolve/([^/]+)/(.+)", Handler.resolve),
]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub of this test, which HF_ENDPOINT names for commands in a shell; it must have been called as it should."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
    assert server.wrong == []

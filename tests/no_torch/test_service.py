"""The service of the documentation, run by uvicorn as its readers would run it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_static import StaticLinearClassifier, StaticPipeline

EXAMPLES = Path(__file__).parents[2] / "examples"
N_THREADS, N_REQUESTS = 8, 25
WORDS = ("a", "wonderful", "awful", "dull", "film", "naïve", "映画", "🦊", "qzx")

pytest.importorskip("fastapi", reason="the service needs fastapi")
pytest.importorskip("uvicorn", reason="the service needs uvicorn")


class Service:
    """A running service.

    Attributes
    ----------
    process : subprocess.Popen
    port : int
    """

    def __init__(self, process, port):
        self.process = process
        self.port = port

    def ask(self, body, method="POST", path="/predict", **headers):
        """The status and the decoded answer of a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json", **headers}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def predict(self, texts):
        status, answer = self.ask(json.dumps({"texts": texts}))
        assert status == 200, answer
        return answer


@contextmanager
def running(folder, log, *options, server=(), home=EXAMPLES):
    """A service for the model in `folder`, which writes what it says to `log`.

    `options` are for Python, those in `server` for uvicorn.
    """
    command = [sys.executable, *options, "-m", "uvicorn", "service:app"]
    command += ["--app-dir", str(home), "--port", "0", *server]
    environment = {**os.environ, "MODEL_FOLDER": str(folder), "OMP_NUM_THREADS": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Service(process, port_in(log, process))
    finally:
        process.kill()
        process.wait()


def port_in(log, process):
    """The port that a starting service says it listens at."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(
            r"running on http://127\.0\.0\.1:(\d+)", log.read_text("utf8")
        )
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(log.read_text("utf8")[-2000:])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved pipeline with word weights."""
    texts = ["a wonderful film", "an awful bore", "great fun", "a dull mess"] * 10
    labels = ["pos", "neg", "pos", "neg"] * 10
    model = StaticLinearClassifier(random_state=0).fit(texts, labels)
    folder = tmp_path_factory.mktemp("service") / "model"
    held_out = ["a wonderful bore", "great film", "a mess", "dull fun"]
    pipeline = model.to_pipeline().with_novelty_threshold(held_out)
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "service.log"


@pytest.fixture(scope="module")
def service(folder, log):
    with running(folder, log, "-v") as service:
        yield service


def batches_of(thread):
    """Batches of one text to forty; the first word of each is the thread's own."""
    sizes = [1 + (thread + 7 * n) % 40 for n in range(N_REQUESTS)]
    return [
        [text_of(thread, n, i) for i in range(size)] for n, size in enumerate(sizes)
    ]


def text_of(*numbers):
    words = np.random.default_rng(numbers).choice(WORDS, 9)
    return " ".join([f"t{numbers[0]}", *words])


def test_threads_get_all_answers_and_those_of_the_pipeline(service, folder):
    batches = [batches_of(thread) for thread in range(N_THREADS)]
    with ThreadPoolExecutor(N_THREADS) as pool:
        answers = list(pool.map(lambda parts: [*map(service.predict, parts)], batches))
    pipeline = StaticPipeline.from_pretrained(folder)
    for parts, answers_of_thread in zip(batches, answers, strict=True):
        for texts, answer in zip(parts, answers_of_thread, strict=True):
            assert [one["label"] for one in answer] == pipeline.predict(texts).tolist()
            expected = pipeline.predict_proba(texts).max(axis=1)
            novel = [one["novel"] for one in answer]
            assert novel == pipeline.is_novel(texts).tolist()
            probabilities = [one["probability"] for one in answer]
            assert_allclose(probabilities, expected, rtol=0, atol=1e-6)


def test_no_text_is_no_prediction(service):
    assert service.predict([]) == []


def test_it_says_that_it_is_ready(service):
    assert service.ask(None, "GET", "/health") == (200, {"status": "ready"})


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("", 422, "body: Field required"),
        ("{", 422, "JSON decode error"),
        ("[" * 100_000, 400, "error parsing the body"),
        (b'{"texts": ["\xff"]}', 400, "error parsing the body"),
        ('["good"]', 422, "body: "),
        ('{"text": ["good"]}', 422, "body.texts: Field required"),
        ('{"texts": "good"}', 422, "body.texts: Input should be a valid list"),
        ('{"texts": ["good", 1]}', 422, "body.texts.1: Input should be a valid string"),
        ('{"texts": [null]}', 422, "body.texts.0: Input should be a valid string"),
        ('{"texts": ["\\ud800"]}', 422, "body.texts.0: Input should be a valid string"),
        (json.dumps({"texts": ["good"] * 257}), 422, "body.texts: List should have at"),
        (json.dumps({"texts": ["a" * 100_001]}), 422, "at most 100000 characters"),
        (json.dumps({"texts": ["a" * 1_000_000]}), 413, "more than 1000000"),
        (b" " * 30_000_000, 413, "The body has 30000000 bytes"),
    ],
)
def test_a_bad_request_is_told_why_and_harms_nobody(service, body, status, message):
    actual, answer = service.ask(body)
    assert actual == status
    assert message in answer["detail"]
    assert len(answer["detail"]) < 200
    assert len(service.predict(["a wonderful film"])) == 1


def test_what_is_not_said_to_be_json_is_refused(service):
    for kind in ("", "text/plain"):
        status, answer = service.ask('{"texts": []}', **{"Content-Type": kind})
        assert status == 415
        assert "not application/json" in answer["detail"]


@pytest.mark.parametrize("kind", ["Application/JSON", "application/json; charset=x"])
def test_json_is_json_however_it_is_written(service, kind):
    status, _ = service.ask('{"texts": ["good"]}', **{"Content-Type": kind})
    assert status == 200


@pytest.mark.parametrize("implementation", ["h11", "httptools"])
def test_a_body_is_counted_whatever_its_length_is_said_to_be(
    folder, tmp_path, implementation
):
    pytest.importorskip(implementation)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    head += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    n_sent = 0
    with (
        running(folder, tmp_path / "log", server=("--http", implementation)) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection,
        suppress(ConnectionError),
    ):
        connection.sendall(head)
        for _ in range(1000):
            connection.sendall(chunk)
            n_sent += len(chunk)
    assert n_sent < 20_000_000


def test_a_body_that_does_not_come_is_not_waited_for(folder, tmp_path):
    program = (EXAMPLES / "service.py").read_text("utf8")
    impatient = re.sub(r"MOST_SECONDS = \d+", "MOST_SECONDS = 0.5", program)
    (tmp_path / "service.py").write_text(impatient, "utf8")
    with running(folder, tmp_path / "log", home=tmp_path) as service:
        connection, _ = begin(service, {"texts": ["good"]})
        with connection, connection.makefile("rb") as answer:
            lines = answer.read()  # to the end, since the connection is closed
        assert b" 408 " in lines
        assert b"took more than" in lines
        assert len(service.predict(["a wonderful film"])) == 1


def test_a_body_of_unknown_size_is_refused(service):
    status, answer = service.ask(iter([b'{"texts": []}']))
    assert status == 411
    assert "no Content-Length" in answer["detail"]


def test_only_what_predicts_is_imported(service, log):
    service.predict(["a wonderful film"])
    imported = {*re.findall(r"^import '([\w.]+)'", log.read_text("utf8"), re.MULTILINE)}
    assert "sklearn_static.pipeline" in imported
    assert imported.isdisjoint(
        {"torch", "skorch", "huggingface_hub", "sklearn_static.classifier"}
    )


def test_a_folder_without_a_model_ends_the_start_with_its_name(tmp_path):
    with (
        pytest.raises(RuntimeError, match=r"FileNotFoundError.*no-such-folder"),
        running(tmp_path / "no-such-folder", tmp_path / "log"),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_sigterm_ends_it_once_requests_that_have_begun_are_answered(folder, tmp_path):
    log = tmp_path / "log"
    texts = [["a wonderful film"], ["an awful bore"] * 40]
    with running(folder, log) as service:
        begun = [begin(service, {"texts": part}) for part in texts]
        service.predict(["a wonderful film"])
        service.process.send_signal(signal.SIGTERM)
        wait_for("Shutting down", log)
        with pytest.raises(ConnectionRefusedError):
            service.predict(["a wonderful film"])
        answers = [finish(*request) for request in begun]
        # uvicorn takes the signal anew, once it has shut down.
        assert service.process.wait(timeout=60) in (0, -signal.SIGTERM)
    assert [[one["label"] for one in answer] for answer in answers] == [
        ["pos"],
        ["neg"] * 40,
    ]
    assert "Application shutdown complete" in log.read_text("utf8")


def begin(service, question):
    """Send a request but for the last byte of its body; return that and the socket."""
    body = json.dumps(question).encode()
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
    head += f"\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    connection.sendall(head.encode() + body[:-1])
    return connection, body[-1:]


def finish(connection, rest):
    """The decoded answer to the request, of which `rest` has not been sent."""
    with connection:
        connection.sendall(rest)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 200
        return json.loads(response.read())


def wait_for(words, log):
    deadline = time.monotonic() + 60
    while words not in log.read_text("utf8"):
        assert time.monotonic() < deadline, f"{words!r} was not logged"
        time.sleep(0.05)

"""The routes of the API, over a fake pipeline."""

import base64
import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.web_fakes import HeldPipeline, make_api, png
from tryon.errors import REASONS, Refusal
from tryon.web.errors import STATUSES

ME, TEE, DARK, TWO = png(), png((40, 40, 200)), png((9, 9, 9)), png((0, 255, 0))


@pytest.fixture
def pipeline():
    return HeldPipeline()


@pytest.fixture
def serve(tmp_path, pipeline):
    """Return a client of an API with the given limits."""
    clients = []

    def start(**config):
        api = make_api(tmp_path, pipeline, **config)
        client = TestClient(api.app(), raise_server_exceptions=False)
        client.__enter__()
        client.api = api
        clients.append(client)
        return client

    yield start
    pipeline.hold.set()
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve):
    return serve()


def dress(client, user=ME, shop=TEE, headers=None, **fields):
    files = {"user": ("me.png", user), "shop": ("tee.png", shop)}
    return client.post("/v1/tryon", files=files, data=fields, headers=headers or {})


def test_a_pair_is_answered_with_a_png(client):
    answer = dress(client)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    image = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert image.shape == (120, 100, 3)
    assert tuple(image[0, 0]) == (120, 40, 120)


def test_who_accepts_json_gets_the_report_and_a_data_url(client):
    values = dress(client, headers={"Accept": "application/json"}).json()
    assert values["status"] == "done"
    assert set(values["seconds"]) == {"segment", "matte", "transfer", "write"}
    data = base64.b64decode(values["image"].removeprefix("data:image/png;base64,"))
    assert data == dress(client).content


def test_who_accepts_lines_is_told_every_step(client):
    answer = dress(client, headers={"Accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1]["status"] == "completed"
    assert lines[-1]["image"].startswith("data:image/png")
    assert {line["status"] for line in lines[:-1]} <= {"in_queue", "processing"}


def test_a_refusal_in_lines_has_its_name(client):
    answer = dress(client, DARK, headers={"Accept": "application/x-ndjson"})
    last = json.loads(answer.text.splitlines()[-1])
    assert last["status"] == "failed"
    assert last["error"]["name"] == "no_garment_in_user_photo"


@pytest.mark.parametrize(
    ("user", "shop", "reason"),
    [
        (b"no picture", TEE, "unreadable_image"),
        (ME[:60], TEE, "unreadable_image"),
        (ME, png(size=(20, 20)), "too_small"),
        (DARK, TEE, "no_garment_in_user_photo"),
        (ME, DARK, "no_garment_in_shop_photo"),
    ],
)
def test_refusals_are_422_with_a_reason(client, user, shop, reason):
    answer = dress(client, user, shop)
    assert answer.status_code == 422
    assert answer.json()["error"] == reason
    assert set(answer.json()) == {"error", "message"}
    assert f'tryon_refusals_total{{reason="{reason}"}} 1' in client.get("/metrics").text


def test_messages_of_refusals_name_fields_not_options(client, pipeline):
    pipeline.fault = Refusal("view_mismatch", "turn, or use --instance with --force")
    assert dress(client).json()["message"] == "turn, or use instance with force"


def test_force_and_instance_reach_the_pipeline(client, pipeline):
    values = dress(
        client, headers={"Accept": "application/json"}, force="yes", instance="3"
    ).json()
    assert values["warnings"] == ["view_mismatch: forced"]
    assert pipeline.chosen == [3]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"instance": "-1"}, "instance"),
        ({"instance": "x"}, "instance"),
        ({"force": "maybe"}, "force"),
        ({"output_format": "exe"}, "output_format"),
    ],
)
def test_fields_that_cannot_be_are_named(client, fields, word):
    answer = dress(client, **fields)
    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_request"
    assert word in answer.json()["message"]
    assert client.api.jobs.taken == 0, "the place in the queue is free again"


@pytest.mark.parametrize("missing", ["user", "shop"])
def test_a_missing_picture_is_named(client, missing):
    files = {"user": ME, "shop": TEE}
    del files[missing]
    answer = client.post("/v1/tryon", files=files)
    assert answer.status_code == 400
    assert missing in answer.json()["message"]


def test_layers_come_as_data_urls(client):
    values = dress(client, artifacts="1").json()
    assert values["layers"] == {}  # the fake pipeline draws none


def test_a_picture_of_the_catalogue_is_named_by_its_id(client):
    answer = client.post("/v1/tryon", files={"user": ME}, data={"shop": "catalog:id0"})
    assert answer.status_code == 200
    answer = client.post("/v1/tryon", files={"user": ME}, data={"shop": "catalog:../x"})
    assert answer.status_code == 404


def test_an_unknown_pattern_is_not_a_path(client, tmp_path):
    for name in ("nothing", str(tmp_path / "card.json"), "../x"):
        answer = client.post("/v1/tryon", files={"user": ME}, data={"pattern": name})
        assert answer.status_code == 404
        assert answer.json()["error"] == "not_found"


def test_jpeg_is_returned_where_it_is_asked_for(client):
    answer = dress(client, output_format="jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).format == "JPEG"


def test_a_garment_is_detected_once(client, pipeline):
    for color in ("red", "green", "blue"):
        dress(client, shop=png(color))
    dress(client)
    roles = [role for role, _ in pipeline.detected]
    assert roles.count("user") == 1
    assert roles.count("shop") == 4


# === Runs that are asked about later ===


def wait(client, id, status):
    for _ in range(200):
        values = client.get(f"/v1/status/{id}").json()
        if values["status"] == status:
            return values
        time.sleep(0.02)
    raise AssertionError(values)


def test_a_run_goes_through_its_states(client, pipeline):
    pipeline.hold.clear()
    files = {"model_image": ME, "garment_image": TEE}
    begun = client.post("/v1/run", files=files).json()
    assert begun["error"] is None
    values = wait(client, begun["id"], "processing")
    assert values["output"] is None
    assert values["stage"] in ("segment", "matte")
    pipeline.hold.set()
    values = wait(client, begun["id"], "completed")
    (link,) = values["output"]
    assert link == f"http://testserver/v1/results/{begun['id']}.png"
    assert client.get(link).content == dress(client).content


def test_a_run_takes_the_json_of_hosted_services(client):
    def data_url(data):
        return "data:image/png;base64," + base64.b64encode(data).decode()

    inputs = {"model_image": data_url(ME), "garment_image": data_url(TEE)}
    inputs |= {"category": "tops", "return_base64": True}
    for body in ({"model_name": "tryon", "inputs": inputs}, inputs):
        begun = client.post("/v1/run", json=body).json()
        (image,) = wait(client, begun["id"], "completed")["output"]
        assert image == data_url(dress(client).content)


def test_a_run_that_is_refused_has_failed_with_its_name(client):
    files = {"model_image": DARK, "garment_image": TEE}
    begun = client.post("/v1/run", files=files).json()
    values = wait(client, begun["id"], "failed")
    assert values["error"]["name"] == "no_garment_in_user_photo"
    assert client.get(f"/v1/results/{begun['id']}").status_code == 404


def test_a_run_of_a_private_address_fails(client, site):
    site.pages["/tee.png"] = 200, {}, TEE
    inputs = {"model_image": f"{site.url}/me.png", "garment_image": "http://[::1]/x"}
    begun = client.post("/v1/run", json=inputs).json()
    values = wait(client, begun["id"], "failed")
    assert values["error"]["name"] == "unreadable_image"
    assert "private network" in values["error"]["message"]
    assert site.asked == []
    assert client.api.jobs.taken == 0


def test_pictures_of_urls_are_fetched(serve, site):
    client = serve(allow_private=True)
    site.pages["/me.png"] = 200, {}, ME
    site.pages["/tee.png"] = 302, {"Location": "/there.png"}, b""
    site.pages["/there.png"] = 200, {}, TEE
    inputs = {"model_image": f"{site.url}/me.png"}
    inputs["garment_image"] = f"{site.url}/tee.png"
    begun = client.post("/v1/run", json=inputs).json()
    wait(client, begun["id"], "completed")


def test_a_run_can_be_cancelled(client, pipeline):
    pipeline.hold.clear()
    files = {"model_image": ME, "garment_image": TEE}
    ids = [client.post("/v1/run", files=files).json()["id"] for _ in range(3)]
    pipeline.began.acquire()
    pipeline.began.acquire()
    assert wait(client, ids[2], "in_queue")["position"] == 0
    client.post(f"/v1/cancel/{ids[2]}")
    assert wait(client, ids[2], "failed")["error"]["name"] == "cancelled"
    client.post(f"/v1/cancel/{ids[0]}")
    pipeline.hold.set()
    assert wait(client, ids[0], "failed")["error"]["name"] == "cancelled"
    wait(client, ids[1], "completed")
    assert client.api.jobs.taken == 0


def test_unknown_ids_are_not_found(client):
    for path in ("status", "results"):
        assert client.get(f"/v1/{path}/x").status_code == 404
    assert client.post("/v1/cancel/x").status_code == 404


# === Limits ===


def test_a_full_queue_answers_429(serve, pipeline):
    client = serve(max_queue=2)
    pipeline.hold.clear()
    files = {"model_image": ME, "garment_image": TEE}
    for _ in range(2):
        assert client.post("/v1/run", files=files).status_code == 200
    answer = dress(client)
    assert answer.status_code == 429
    assert answer.json()["error"] == "busy"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_a_job_has_a_time_limit(serve, pipeline):
    client = serve(job_seconds=0.2)
    pipeline.hold.clear()
    answer = dress(client)
    assert answer.status_code == 504
    assert answer.json()["error"] == "timeout"


def test_too_many_bytes_are_refused_before_they_are_read(serve, pipeline):
    client = serve(max_bytes=1000)
    noise = np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    assert dress(client, file.getvalue()).status_code == 413
    assert dress(client, b"x" * (4 << 20)).status_code == 413
    chunks = (b"x" * 100_000 for _ in range(100))
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/tryon", content=chunks, headers=headers)
    assert answer.status_code in (400, 413)
    assert pipeline.detected == []


def test_too_many_pixels_are_refused_before_decoding(serve, monkeypatch):
    client, large = serve(max_pixels=10_000), png(size=(200, 200))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    answer = dress(client, large)
    assert answer.json()["error"] == "unreadable_image"
    assert "megapixels" in answer.json()["message"]


def test_an_unknown_kind_of_body_is_415(client):
    answer = client.post("/v1/tryon", content=b"x", headers={"content-type": "text/xml"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b"[" * 100_000, b'{"inputs": 3}', b"\xff"]
)
def test_damaged_json_is_a_bad_request(client, body):
    headers = {"content-type": "application/json"}
    answer = client.post("/v1/run", content=body, headers=headers)
    assert answer.status_code == 400
    assert client.api.jobs.taken == 0


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\n\r\n", b"--x\r\nA: b\r\n\r\nq\r\n--x"]
)
def test_damaged_forms_are_a_bad_request(client, body):
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/tryon", content=body, headers=headers)
    assert answer.status_code == 400, answer.text


def test_a_bug_answers_500_without_its_text(client, pipeline):
    pipeline.fault = ZeroDivisionError("/secret/path")
    answer = dress(client)
    assert answer.status_code == 500
    assert answer.json()["error"] == "internal_error"
    assert "secret" not in answer.text


def test_uploads_touch_no_disk(client, monkeypatch, tmp_path):
    def fail(*args, **kwargs):
        raise AssertionError("a file is written")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", fail)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", fail)
    noise = np.random.default_rng(0).integers(0, 255, (1200, 1200, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    before = sorted(tmp_path.rglob("*"))
    assert dress(client, file.getvalue()).status_code == 200
    assert sorted(tmp_path.rglob("*")) == before


# === Everything else ===


def test_segment_names_what_it_sees(client):
    values = client.post("/v1/segment", files={"photo": TWO}).json()
    assert values["several"]
    assert values["size"] == [120, 100]
    assert [row["box"] for row in values["instances"]] == [
        [10, 20, 40, 60],
        [60, 20, 90, 60],
    ]
    values = client.post("/v1/segment", files={"photo": DARK}).json()
    assert values["chosen"] is None
    assert values["instances"][0]["label_name"] == "vest"


def test_segment_cuts_out(client):
    for output, mode in (("cutout", "RGBA"), ("mask", "L")):
        answer = client.post("/v1/segment", files={"photo": TWO}, data={"output": output})
        assert Image.open(io.BytesIO(answer.content)).mode == mode
        answer = client.post(
            "/v1/segment", files={"photo": DARK}, data={"output": output}
        )
        assert answer.status_code == 422
    answer = client.post("/v1/segment", files={"photo": TWO}, data={"output": "x"})
    assert answer.status_code == 400


def test_the_catalogue_is_listed_and_searched(client):
    values = client.get("/v1/catalog").json()
    assert values["total"] == 3
    assert [item["name"] for item in values["items"]] == [
        "red top",
        "green top",
        "blue top",
    ]
    values = client.get("/v1/catalog?q=TOP+blue&limit=5").json()
    assert [item["id"] for item in values["items"]] == ["id2"]
    values = client.get("/v1/catalog?offset=1&limit=1").json()
    assert [item["id"] for item in values["items"]] == ["id1"]
    assert client.get("/v1/catalog?limit=x").status_code == 400
    picture = client.get("/v1/catalog/id0")
    assert picture.headers["content-type"] == "image/jpeg"
    assert client.get("/v1/catalog/nothing").status_code == 404


def test_health_and_metrics(client):
    assert client.get("/healthz").json()["status"] == "ok"
    dress(client)
    text = client.get("/metrics").text
    assert 'tryon_requests_total{route="/v1/tryon",status="200"} 1' in text
    assert 'tryon_stage_seconds_count{stage="transfer"} 1' in text
    assert 'tryon_seconds_bucket{le="+Inf"} 1' in text
    assert "tryon_queue_jobs 0" in text


def test_every_route_is_in_the_openapi_document(client):
    document = client.get("/openapi.json").json()
    app = client.api.app()
    routes = {route.path for route in app.app.routes if route.path.startswith("/v1")} | {
        "/healthz",
        "/metrics",
    }
    assert set(document["paths"]) == routes
    text = json.dumps(document)
    for name in (*REASONS, *STATUSES):
        assert f'"{name}"' in text, name


def test_the_page_has_all_its_files(client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    names = {
        path.name
        for path in (Path(__file__).parents[4] / "tryon/web/static").iterdir()
        if path.name != "index.html"
    }
    for name in names | {"sample.jpg"}:
        assert client.get(f"/{name}").status_code == 200, name
    for path in ("/index.html", "/%2e%2e/app.py", "/static/app.js", "/app.py"):
        assert client.get(path).status_code == 404


def test_a_stopping_server_takes_no_more(client, pipeline):
    client.api.jobs.is_closing = True
    assert dress(client).status_code == 503
    assert client.get("/healthz").status_code == 503
    assert client.api.jobs.is_drained(10)

# SPDX-License-Identifier: MIT
"""The transport: forms, JSON, limits, uploads, credentials."""

import hashlib
import http.client
import json
import socket
import ssl

import pytest

from fake import form
from fake.client import Client

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def test_a_form_is_split_at_both_signs_and_keeps_what_is_before_the_second_equals():
    assert form.decode("a=1&b=2;c=x+y=z&d=%3B%3D%2B%00&e&a=3") == {
        "a": ["1", "3"], "b": "2", "c": "x y", "d": ";=+\0", "e": None}


def test_an_answer_has_data_and_a_failure_says_why_in_its_reason(api):
    answer = api.get("/version")
    assert (answer.status, answer.reason) == (200, "OK") and list(answer.body) == ["data"]
    answer = api.get("/nodes/pve1/lxc/100/config")
    assert answer.status == 500 and answer.reason == "Configuration file 'nodes/pve1/lxc/100.conf' does not exist"
    assert answer.body == {"data": None, "message": answer.reason + "\n"}
    answer = api.get("/nodes/pve1/lxc/1/config")
    assert (answer.status, answer.reason) == (400, "Parameter verification failed.")
    assert "minimum value" in answer.body["errors"]["vmid"]


def test_the_other_format_answers_200_with_the_status_inside(api):
    answer = api.raw("GET", "/api2/extjs/nodes/pve1/lxc/100/config")
    assert answer.status == 200 and answer.body["success"] == 0 and answer.body["status"] == 500
    answer = api.raw("GET", "/api2/extjs/version")
    assert answer.body["success"] == 1 and answer.body["data"]["release"]


def test_what_is_not_there_is_501(api):
    api.get("/no/such/path").fails(501, "not implemented")
    api.delete("/version").fails(501)
    assert api.raw("GET", "/").status == 501
    assert api.raw("GET", "/api2/xml/version").status == 501


def test_a_body_where_none_belongs_is_501(api):
    api.raw("DELETE", "/api2/json/nodes/pve1/lxc/100", "force=1", FORM).fails(501, "Unexpected content")
    api.raw("GET", "/api2/json/version", "a=1", FORM).fails(501, "Unexpected content")


def test_a_parameter_that_the_path_has_otherwise_is_refused(api):
    api.get("/nodes/pve1/lxc/100/config", vmid=101).fails(400, "vmid", "already defined in URI")
    api.get("/nodes/pve1/lxc/100/config", vmid=100).fails(500)


def test_a_query_comes_before_the_body(api):
    api.raw("POST", "/api2/json/pools?poolid=asked", "poolid=told", FORM).succeeds()
    assert [pool["poolid"] for pool in api.get("/pools").succeeds()] == ["asked"]


def test_a_json_body_keeps_what_a_form_would_split(api):
    api.raw("POST", "/api2/json/pools", json.dumps({"poolid": "p", "comment": "a;b=c&d+e"}), JSON).succeeds()
    assert api.get("/pools").succeeds()[0]["comment"] == "a;b=c&d+e"
    api.raw("POST", "/api2/json/pools", "poolid=q&comment=a;b=c", FORM).fails(400, "not defined in schema")
    api.raw("POST", "/api2/json/pools", "{", JSON).fails(500, "malformed")
    api.raw("POST", "/api2/json/pools", "poolid=q", {"Content-Type": "text/plain"}).fails(506)


def test_a_body_beyond_512_kib_is_refused(api):
    api.raw("POST", "/api2/json/pools", "poolid=p&comment=" + "x" * (512 << 10), FORM).fails(501, "too large")


def test_a_connection_is_kept_when_a_request_with_a_body_fails(pve):
    connection = http.client.HTTPSConnection("127.0.0.1", pve.port, context=ssl.create_default_context(cafile=pve.ca))
    headers = {"Authorization": f"PVEAPIToken={pve.token}", **FORM}
    pve.mischief.fail("/pools")
    for target, text, status in (("/pools", "poolid=p", 500), ("/none", "a=1", 501), ("/pools", "poolid=p", 200)):
        connection.request("POST", "/api2/json" + target, text, headers)
        response = connection.getresponse()
        response.read()
        assert response.status == status
    connection.close()


def test_chunks_are_refused_and_too_many_headers_end_the_connection(pve, api):
    api.raw("POST", "/api2/json/pools", iter([b"poolid=p"]), {**FORM, "Transfer-Encoding": "chunked"}).fails(501)
    context = ssl.create_default_context(cafile=pve.ca)
    with socket.create_connection(("127.0.0.1", pve.port)) as plain, \
            context.wrap_socket(plain, server_hostname="127.0.0.1") as line:
        headers = "".join(f"X-{number}: 1\r\n" for number in range(70))
        line.sendall(f"GET /api2/json/version HTTP/1.1\r\n{headers}\r\n".encode())
        assert line.recv(1000) == b""


def test_who_is_not_known_gets_401_and_no_body(pve):
    unknown = "Authentication failed!"
    for token, words in ((None, "No ticket"), ("root@pam!tests=wrong", unknown), ("root@pam!other=x", unknown),
                         ("nonsense", unknown)):
        answer = Client(pve, token).get("/version")
        answer.fails(401, words)
        assert answer.body == {}


def test_a_token_may_be_written_with_a_space_and_ends_at_a_semicolon(pve):
    nobody = Client(pve, None)
    for text in (f"PVEAPIToken {pve.token}", f"PVEAPIToken={pve.token};more"):
        nobody.raw("GET", "/api2/json/version", headers={"Authorization": text}).succeeds()


def test_a_ticket_needs_the_other_token_for_all_but_reading(pve):
    client = Client(pve, None)
    client.post("/access/ticket", username="root@pam", password="wrong").fails(401, "authentication failure")
    data = client.log_in("root@pam", "secret")
    assert data["username"] == "root@pam" and data["ticket"].startswith("PVE:root@pam:")
    client.get("/version").succeeds()
    client.post("/pools", poolid="p").succeeds()
    client.csrf = None
    client.get("/version").succeeds()
    client.post("/pools", poolid="q").fails(401, "csrf")
    client.csrf = "wrong"
    client.delete("/pools", poolid="p").fails(401, "csrf")


def test_a_ticket_is_renewed_by_posting_it_and_expires(pve):
    client = Client(pve, None)
    ticket = client.log_in("root@pam", "secret")["ticket"]
    client.log_in("root@pam", ticket)
    client.get("/version").succeeds()
    pve.access.expire_tickets()
    client.get("/version").fails(401, "Authentication failed!")
    client.post("/access/ticket", username="root@pam", password=ticket).fails(401)


def test_a_second_factor_is_asked_for(pve):
    pve.access.add_user("careful@pve", "secret", totp="123456")
    nobody = Client(pve, None)
    first = nobody.post("/access/ticket", username="careful@pve", password="secret").succeeds()
    assert first["NeedTFA"] and "!tfa!" in first["ticket"]
    nobody.cookie = first["ticket"]
    nobody.get("/version").fails(401)
    nobody.cookie = None
    answer = {"username": "careful@pve", "tfa__challenge": first["ticket"]}
    nobody.post("/access/ticket", password="totp:000000", **answer).fails(401)
    nobody.cookie = nobody.post("/access/ticket", password="totp:123456", **answer).succeeds()["ticket"]
    nobody.get("/version").succeeds()


def test_a_token_gets_no_ticket(pve, api):
    api.post("/access/ticket", username="root@pam", password="secret").fails(
        403, "URI '/access/ticket' not available with API token")


def test_the_certificate_is_the_one_that_the_fingerprint_names(pve, api):
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", pve.port)))
    digest = hashlib.sha256(der).hexdigest().upper()
    assert pve.fingerprint.replace(":", "") == digest
    listed = {node["node"]: node["ssl_fingerprint"] for node in api.get("/nodes").succeeds()}
    assert listed["pve1"] == pve.fingerprint != listed["pve2"]


def test_another_node_answers_for_the_same_cluster(pve, api):
    url = pve.add_host("pve2")
    port = int(url.rpartition(":")[2])
    other = Client(pve, port=port)
    api.post("/pools", poolid="p").succeeds()
    assert [pool["poolid"] for pool in other.get("/pools").succeeds()] == ["p"]
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
    listed = {node["node"]: node["ssl_fingerprint"] for node in other.get("/nodes").succeeds()}
    assert listed["pve2"].replace(":", "") == hashlib.sha256(der).hexdigest().upper()
    pve.remove_host("pve1")
    with pytest.raises(ConnectionRefusedError):
        api.get("/version")
    other.get("/version").succeeds()
    pve.add_host("pve1")
    api.get("/version").succeeds()


def part(name, filename=None, first=None):
    disposition = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    return ([first, disposition] if first else [disposition], b"")


UPLOAD = "/nodes/pve1/storage/local/upload"


def parts(content, *between, name="filename", filename="a.tar.gz", data=b"x\r\n--y\0" * 50000):
    return [(part("content")[0], content), *((part(key)[0], value) for key, value in between),
            (part(name, filename)[0] + ["Content-Type: application/octet-stream"], data)]


def test_a_template_is_uploaded(pve, api):
    data = b"x\r\n------fake\0" * 50000
    api.does(api.upload(UPLOAD, parts(b"vztmpl", data=data)))
    entry = api.get("/nodes/pve1/storage/local/content", content="vztmpl").succeeds()[0]
    assert (entry["volid"], entry["size"]) == ("local:vztmpl/a.tar.gz", len(data))
    path = api.get("/nodes/pve1/storage/local/content/local:vztmpl/a.tar.gz").succeeds()["path"]
    with open(path, "rb") as file:
        assert file.read() == data
    assert list(pve.spool.iterdir()) == []


def checksum_parts(value):
    return ("checksum-algorithm", b"sha256"), ("checksum", value)


def test_an_upload_with_a_checksum_is_compared(pve, api):
    data = b"content" * 1000
    good = hashlib.sha256(data).hexdigest().encode()
    api.does(api.upload(UPLOAD, parts(b"vztmpl", *checksum_parts(good), data=data)))
    upid = api.upload(UPLOAD, parts(b"vztmpl", *checksum_parts(b"0" * 64), filename="b.tar.gz", data=data)).succeeds()
    assert "checksum mismatch" in api.wait(upid)
    assert len(api.get("/nodes/pve1/storage/local/content").succeeds()) == 1


def test_an_upload_in_another_order_or_form_is_refused(pve, api):
    file = parts(b"vztmpl")[-1]
    content = parts(b"vztmpl")[0]
    turned = parts(b"vztmpl", ("checksum", b"0"), ("checksum-algorithm", b"md5"))
    for wrong in ([content], turned, [(part("content", first="Content-Type: text/plain")[0], b"vztmpl"), file],
                  parts(b"vztmpl", ("other", b"1"))):
        api.upload(UPLOAD, wrong).fails(500, "upload failed")
    api.upload(UPLOAD, parts(b"vztmpl", name="file")).fails(500, "wrong field name 'file'")
    for wrong in ([file, content], [file], parts(b"films")):
        api.upload(UPLOAD, wrong).fails(400, "content")
    api.upload("/nodes/pve1/storage/none/upload", parts(b"vztmpl")).fails(500, "does not exist")
    api.upload(UPLOAD, parts(b"vztmpl", filename="a.zip")).fails(400, "wrong file extension")
    api.upload(UPLOAD.replace("local/", "local-zfs/"), parts(b"vztmpl")).fails(500, "does not support")
    assert pve.cluster.tasks.settle() == [] and list(pve.spool.iterdir()) == []


def test_an_upload_is_refused_before_it_is_read(pve):
    pve.access.add_user("some@pve")
    somebody = Client(pve, pve.access.add_token("some@pve", "t"))
    answer = somebody.upload(UPLOAD, parts(b"vztmpl"))
    answer.fails(403, "/storage/local, Datastore.AllocateTemplate")
    assert answer.body == {}


def test_an_upload_needs_no_csrf_token(pve):
    client = Client(pve, None)
    client.log_in("root@pam", "secret")
    client.csrf = None
    client.does(client.upload(UPLOAD, parts(b"vztmpl")))

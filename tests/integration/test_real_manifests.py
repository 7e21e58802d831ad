# SPDX-License-Identifier: MIT
"""Manifests as the documentation of Kubernetes has them, with servers of Debian's in their images: nginx, Redis
and PostgreSQL. Each is applied strictly, which refuses whatever is not understood."""

import os

import pytest

from engine import IMAGES, await_that
from nets import make_host_engine, lx, one, world  # noqa: F401  pylint: disable=unused-import
from pods import inspect, namespaces, places, pods, NAMESPACES

SERVERS = IMAGES.parent / "servers"
NAMES = {"nginx": ["registry.k8s.io/nginx-slim:0.24", "nginx:1.14.2", "nginx"], "redis": ["redis:8.0.2"],
         "postgres": ["postgres:17"], "dnsutils": ["registry.k8s.io/e2e-test-images/agnhost:2.39", "debian"]}
SECONDS = 60  # for a server to begin

pytestmark = pytest.mark.skipif(not SERVERS.is_dir(), reason=f"{SERVERS} is missing: tools/make-images makes it")

STATEFUL_SET = """
apiVersion: v1
kind: Service
metadata:
  name: nginx
  labels:
    app: nginx
spec:
  ports:
  - port: 80
    name: web
  clusterIP: None
  selector:
    app: nginx
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: web
spec:
  selector:
    matchLabels:
      app: nginx # has to match .spec.template.metadata.labels
  serviceName: "nginx"
  replicas: 2
  template:
    metadata:
      labels:
        app: nginx # has to match .spec.selector.matchLabels
    spec:
      terminationGracePeriodSeconds: 10
      containers:
      - name: nginx
        image: registry.k8s.io/nginx-slim:0.24
        ports:
        - containerPort: 80
          name: web
        volumeMounts:
        - name: www
          mountPath: /usr/share/nginx/html
  volumeClaimTemplates:
  - metadata:
      name: www
    spec:
      accessModes: [ "ReadWriteOnce" ]
      storageClassName: "my-storage-class"
      resources:
        requests:
          storage: 1Gi
"""

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: nginx-deployment
  labels:
    app: proxy
spec:
  replicas: 2
  selector:
    matchLabels:
      app: proxy
  template:
    metadata:
      labels:
        app: proxy
    spec:
      containers:
      - name: nginx
        image: nginx:1.14.2
        ports:
        - containerPort: 80
"""

REDIS = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: example-redis-config
data:
  redis-config: |
    maxmemory 2mb
    maxmemory-policy allkeys-lru
---
apiVersion: v1
kind: Pod
metadata:
  name: redis
spec:
  containers:
  - name: redis
    image: redis:8.0.2
    command:
      - redis-server
      - "/redis-master/redis.conf"
    env:
    - name: MASTER
      value: "true"
    ports:
    - containerPort: 6379
    resources:
      limits:
        cpu: "0.1"
    volumeMounts:
    - mountPath: /redis-master-data
      name: data
    - mountPath: /redis-master
      name: config
  volumes:
    - name: data
      emptyDir: {}
    - name: config
      configMap:
        name: example-redis-config
        items:
        - key: redis-config
          path: redis.conf
"""

POSTGRES = """
apiVersion: v1
kind: Secret
metadata:
  name: postgres-pass
type: Opaque
data:
  password: bXktcGFzc3dvcmQ=
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: postgres-pv-claim
spec:
  storageClassName: manual
  accessModes:
    - ReadWriteOnce
  resources:
    requests:
      storage: 20Gi
---
apiVersion: v1
kind: Service
metadata:
  name: postgres
spec:
  ports:
  - port: 5432
  selector:
    app: postgres
  clusterIP: None
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: postgres
spec:
  selector:
    matchLabels:
      app: postgres
  strategy:
    type: Recreate
  template:
    metadata:
      labels:
        app: postgres
    spec:
      containers:
      - image: postgres:17
        name: postgres
        env:
        - name: POSTGRES_PASSWORD
          valueFrom:
            secretKeyRef:
              name: postgres-pass
              key: password
        - name: PGDATA
          value: /var/lib/postgresql/data/pgdata
        ports:
        - containerPort: 5432
          name: postgres
        volumeMounts:
        - name: postgres-persistent-storage
          mountPath: /var/lib/postgresql/data
      volumes:
      - name: postgres-persistent-storage
        persistentVolumeClaim:
          claimName: postgres-pv-claim
"""

DNSUTILS = """
apiVersion: v1
kind: Pod
metadata:
  name: dnsutils
  namespace: default
spec:
  containers:
  - name: dnsutils
    image: registry.k8s.io/e2e-test-images/agnhost:2.39
    imagePullPolicy: IfNotPresent
  restartPolicy: Always
"""

TWO_CONTAINERS = """
apiVersion: v1
kind: Pod
metadata:
  name: two-containers
spec:

  restartPolicy: Never

  volumes:
  - name: shared-data
    emptyDir: {}

  containers:

  - name: nginx-container
    image: nginx
    volumeMounts:
    - name: shared-data
      mountPath: /usr/share/nginx/html

  - name: debian-container
    image: debian
    volumeMounts:
    - name: shared-data
      mountPath: /pod-data
    command: ["/bin/sh"]
    args: ["-c", "echo Hello from the debian container > /pod-data/index.html; trap 'exit 0' TERM; sleep infinity & wait"]
"""


def bring(engine, *names):
    """Imports servers by the names that the documentation has for them."""
    for name in names:
        for reference in NAMES[name]:
            engine("image", "import", f"oci:{SERVERS / name}:latest", reference).ok()


def apply_text(engine, *texts):
    return engine("apply", "--validate=strict", "-f", "-", input="---".join(texts).encode(), timeout=300)


def page(engine, id, place):
    """The first page of a web server, as the host sees it."""
    answer = engine.host.reads(place["ip4"], 80, 1) or ""
    return answer.replace("\r\n", "\n").split("\n\n", 1)[-1]


def test_servers_of_the_documentation_run_and_find_each_other(one):
    bring(one, "nginx", "redis", "dnsutils")
    apply_text(one, STATEFUL_SET, DEPLOYMENT, REDIS, DNSUTILS).ok()
    assert {row["status"] for row in pods(one).values()} == {"Running"}
    assert {"web-0", "web-1", "redis", "dnsutils"} < set(pods(one)) and len(pods(one)) == 6
    place = places(one, "web-0")["default"]
    name = "web-0.nginx.default.svc.cluster.local"
    for words in (["dig", "+short", name], ["getent", "ahostsv4", name], ["getent", "ahostsv4", "web-0.nginx"]):
        await_that(lambda words=words: one("exec", "dnsutils", *words).out.split()[:1] == [place["ip4"]],
                   " ".join(words), SECONDS)
    found = one("exec", "dnsutils", "dig", "+short", "nginx.default.svc.cluster.local").ok().lines
    assert sorted(found) == sorted(places(one, id)["default"]["ip4"] for id in ("web-0", "web-1"))

    # Each has a page of its own, which outlives the set.
    for id in ("web-0", "web-1"):
        one("exec", id, "sh", "-c", f"echo page of {id} > /usr/share/nginx/html/index.html").ok()
        await_that(lambda id=id: page(one, id, places(one, id)["default"]) == f"page of {id}\n", "a page", SECONDS)
    one("delete", "-f", "-", input=STATEFUL_SET.encode()).ok()
    assert not {"web-0", "web-1"} & set(pods(one))
    apply_text(one, STATEFUL_SET).ok()
    for id in ("web-0", "web-1"):
        await_that(lambda id=id: page(one, id, places(one, id)["default"]) == f"page of {id}\n", "a page", SECONDS)

    await_that(lambda: one("exec", "redis", "redis-cli", "CONFIG", "GET", "maxmemory").lines ==
               ["maxmemory", "2097152"], "Redis has its configuration", SECONDS)
    assert one("exec", "redis", "redis-cli", "CONFIG", "GET", "maxmemory-policy").ok().lines[1] == "allkeys-lru"
    for id in pods(one):
        if id.startswith("nginx-deployment-"):
            await_that(lambda id=id: "Welcome to nginx!" in page(one, id, places(one, id)["default"]), "a page", SECONDS)
    one("delete", "--volumes", "-f", "-", input="---".join((STATEFUL_SET, DEPLOYMENT, REDIS, DNSUTILS)).encode()).ok()
    assert pods(one) == {} and one("volume", "list", "--quiet").lines == []


def test_what_postgresql_has_outlives_its_deployment(one):
    bring(one, "postgres")

    def sql(statement):
        id, = pods(one)
        return one("exec", id, "psql", "-h", "/var/run/postgresql", "-U", "postgres", "-tA", "-c", statement)

    apply_text(one, POSTGRES).ok()
    await_that(lambda: sql("SELECT 1").lines == ["1"], "PostgreSQL answers", SECONDS)
    sql("CREATE TABLE note (text text)").ok()
    sql("INSERT INTO note VALUES ('still there')").ok()
    one("delete", "-f", "-", input=POSTGRES.encode()).ok()
    assert pods(one) == {} and one("get", "all", "-o", "name").lines == []
    apply_text(one, POSTGRES).ok()
    await_that(lambda: sql("SELECT text FROM note").lines == ["still there"], "the data is there", SECONDS)
    one("delete", "--volumes", "-f", "-", input=POSTGRES.encode()).ok()
    assert one("volume", "list", "--quiet").lines == []


def test_containers_of_a_pod_are_in_the_same_namespaces(lx):
    bring(lx, "nginx", "dnsutils")
    apply_text(lx, TWO_CONTAINERS).ok()
    place = places(lx, "two-containers")["default"]
    await_that(lambda: page(lx, "two-containers", place) == "Hello from the debian container\n", "the page", SECONDS)
    first, second = (namespaces(lx, f"two-containers.{name}") for name in ("nginx-container", "debian-container"))
    for kind in NAMESPACES:
        assert first[kind] == second[kind] != os.readlink(f"/proc/self/ns/{kind}"), kind
    assert first["mnt"] != second["mnt"] and first["pid"] != second["pid"]
    assert [each["name"] for each in inspect(lx, "two-containers")["containers"]] == ["nginx-container",
                                                                                     "debian-container"]

"""Requests that try to get past the gate, byte by byte, as data.

A request has got past when a UI received anything that it should not: a request that its sender may not make, the
marker `intruder`, or a session key; or when the head of the answer has a word that it may never have. `open_to` names
the UIs that the sender may reach by this request, if its marker has been taken out of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.integration.gate_corpus_case import Case, get, request
from tests.integration.gate_corpus_targets import targets
from tests.integration.gate_corpus_wire import smuggling, surroundings

# Paths: spellings of a UI's place that one server may read as inside and another one as outside -----------------------

_SPELLINGS = {
    "plain": "/ops/{name}/",
    "without a slash, with a query": "/ops/{name}?x=/ops/flower/",
    "two slashes first": "//ops/{name}/",
    "two slashes within": "/ops//{name}/",
    "two slashes after": "/ops/{name}//intruder",
    "dot segment before": "/./ops/./{name}/",
    "dots from a UI": "/ops/flower/../{name}/intruder",
    "dots from a UI, encoded": "/ops/flower/%2e%2e/{name}/intruder",
    "dots from a UI, half encoded": "/ops/flower/.%2E/{name}/intruder",
    "dots and slashes, encoded": "/ops/flower/%2e%2e%2f{name}%2fintruder",
    "dots and slashes, encoded twice": "/ops/flower/%252e%252e%252f{name}/intruder",
    "dots from outside": "/site/../ops/{name}/",
    "dots from a probe": "/livez/../ops/{name}/",
    "dots from static files": "/static/..%2fops/{name}/",
    "dots with a semicolon": "/ops/flower/..;/{name}/intruder",
    "dots with an encoded semicolon": "/ops/flower/..%3b/{name}/intruder",
    "dots as overlong UTF-8": "/ops/flower/%c0%ae%c0%ae/{name}/intruder",
    "slash as overlong UTF-8": "/ops/flower/..%c0%af{name}/intruder",
    "backslashes": "/ops/flower/..\\{name}\\intruder",
    "backslashes, encoded": "/ops/flower/..%5c{name}%5cintruder",
    "name, encoded": "/ops/%63%6c%6f%73%65%64/",
    "prefix, encoded": "/%6fps/{name}/",
    "slash, encoded": "/ops%2f{name}/",
    "capitals": "/OPS/{name}/",
    "null byte": "/ops/{name}/%00intruder",
    "line break, encoded": "/ops/{name}/%0d%0aX-Webauth-User:%20intruder",
    "tab": "/ops/{name}/\tintruder",
    "space": "/ops/{name}/ intruder",
    "fragment (GHSA-pxq7)": "/ops/{name}/#/livez",
    "fragment, encoded (GHSA-pxq7)": "/ops/{name}/%23/livez",
    "fragment, then a UI that is open (GHSA-pxq7)": "/ops/{name}/#/../../flower/intruder",
    "query that looks like a public path": "/ops/{name}/?/livez",
    "query that looks like a UI that is open": "/ops/{name}/?x=/ops/flower/../flower/",
    "path parameter": "/ops/{name};x=y/",
    "absolute, of the site": "http://ops.example.com/ops/{name}/",
    "absolute, of the UI": "http://127.0.0.1:5555/ops/{name}/",
    "absolute, with a user": "http://intruder@ops.example.com/ops/{name}/",
    "authority only": "ops.example.com:80",
    "asterisk": "*",
}


def _paths() -> Iterator[Case]:
    for what, spelling in _SPELLINGS.items():
        path = spelling.format(name="closed")
        yield get(f"path, nobody: {what}", path)
        # who may open flower may not come to closed by way of it
        yield get(f"path, from flower: {what}", path, by="ann", open_to=("flower", "strip"))
    for what in ("dots from a UI, encoded", "dots and slashes, encoded", "two slashes after", "backslashes, encoded"):
        path = _SPELLINGS[what].replace("/ops/flower", "/ops/strip").format(name="strip")
        yield get(f"path, without a prefix: {what}", path, by="ann", open_to=("strip",))


# Headers: what a client says about who it is, where it came from, and what it means -----------------------------------

_IDENTITIES = (
    "X-Webauth-User", "X-WEBAUTH-USER", "x-webauth-user", "X_Webauth_User", "X-Webauth_User", "X_WEBAUTH-USER",
    "X-Webauth-Role", "X_WEBAUTH_ROLE", "X-Webauth-Email", "X-Webauth-Name", "X-Webauth-Groups", "Remote-User",
    "REMOTE_USER", "Remote_User", "Remote-Groups", "X-Remote-User", "X-Remote-Group", "X-Forwarded-User",
    "X_Forwarded_User", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Auth-Request-User",
    "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Ops-User", "X-Ops-Role", "X_Ops_User", "X-Ops-Authorization",
    "Es-Security-Runas-User", "Impersonate-User", "Authorization", "Proxy-Authorization", "X-Forwarded-Access-Token",
)  # fmt: skip

_CLAIMS = (
    "X-Original-URI: /ops/flower/", "X-Original-URL: /livez", "X-Rewrite-URL: /livez", "X-Forwarded-Uri: /livez",
    "X-Forwarded-Prefix: /ops/flower", "X-Forwarded-Path: /livez", "X-Accel-Redirect: /ops/closed/",
    "X-Original-Method: GET", "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1",
    "X-Forwarded-Host: 127.0.0.1", "X-Script-Name: /ops/flower", "X-Ops-User: root", "X-Auth-Request-Redirect: /livez",
    "X-HTTP-Method-Override: GET", "X-Forwarded-Proto: https", "X-Original-Status: 204",
)  # fmt: skip

#: Balancers' probes, to which oauth2-proxy answered 200 wherever they asked.
_PROBES = ("GoogleHC/1.0", "kube-probe/1.31", "ELB-HealthChecker/2.0", "Prometheus/3.0")


def _headers() -> Iterator[Case]:
    for name in _IDENTITIES:
        for service in ("flower", "grafana"):
            yield get(
                f"identity, to {service}: {name} (GHSA-vjrc-mh2v-45x6)", f"/ops/{service}/", f"{name}: intruder",
                by="ann", open_to=(service,),
            )  # fmt: skip
    yield get(
        "identity: an address with two @ (GHSA-c5c4)", "/ops/grafana/",
        "X-Forwarded-Email: intruder@evil.example@@example.com", by="ann", open_to=("grafana",),
    )  # fmt: skip
    yield get(
        "identity: folded over two lines", "/ops/grafana/", "X-Note: a\r\n X-Webauth-User: intruder", by="ann",
        open_to=("grafana",),
    )  # fmt: skip
    yield get(
        "identity: a space before the colon",
        "/ops/grafana/",
        "X-Webauth-User : intruder",
        by="ann",
        open_to=("grafana",),
    )
    yield get(
        "identity: ours is called hop-by-hop", "/ops/grafana/", "Connection: close, X-Webauth-User, X-Webauth-Role",
        "X-Webauth-User: intruder", by="ann", open_to=("grafana",),
    )  # fmt: skip
    for claim in _CLAIMS:
        yield get(f"claim, nobody: {claim} (GHSA-7x63)", "/ops/closed/", claim)
        yield get(f"claim, ann to closed: {claim} (GHSA-7x63)", "/ops/closed/", claim, by="ann")
    for agent in _PROBES:
        yield get(f"probe: {agent} (GHSA-5hvv)", "/ops/flower/", f"User-Agent: {agent}")
        yield get(
            f"probe, no permission: {agent} (GHSA-5hvv)", "/ops/flower/healthcheck", f"User-Agent: {agent}", by="bob"
        )


# Sessions -------------------------------------------------------------------------------------------------------------


def _sessions() -> Iterator[Case]:
    for who in ("gone", "changed", "expired", "bob"):
        yield Case(f"session: of {who}", request("GET /ops/flower/ HTTP/1.1", by=who), who)
    for what, cookie in {
        "empty": "sessionid=",
        "short": "sessionid=1",
        "made up (GHSA-f24x)": "sessionid=intruderintruderintruderintruder1",
        "of a path": "sessionid=../../../etc/passwd",
        "with a null byte": "sessionid=a%00b",
        "of SQL": "sessionid=' OR 1=1 --",
        "quoted": 'sessionid="intruder"',
        "long": "sessionid=" + "a" * 4000,
        "another name": "SESSIONID=x; session=x; id=1; user=root; is_superuser=true",
    }.items():
        yield get(f"session: {what}", "/ops/flower/", f"Cookie: {cookie}")
    yield get("session: in the query", "/ops/flower/?sessionid=intruder")
    yield Case(
        "session: of ann, then one made up (GHSA-f24x)",
        request(
            "GET /ops/flower/ HTTP/1.1", "Cookie: sessionid={session}; sessionid=intruderintruderintruderintruder1"
        ),
        "ann",
    )
    for line in ("Cookie: sessionid={session}; other=intruder", "Cookie: other=intruder; sessionid={session}"):
        for service in ("flower", "grafana"):
            yield Case(
                f"cookies, to {service}: {line[:20]}",
                request(f"GET /ops/{service}/ HTTP/1.1", line),
                "ann",
                (service,),
            )
    yield Case(
        "cookies: two headers",
        request("GET /ops/grafana/ HTTP/1.1", "Cookie: sessionid={session}", "Cookie: other=intruder"),
        "ann",
        ("grafana",),
    )
    yield Case(
        "cookies: an allowed name within a value",
        request("GET /ops/grafana/ HTTP/1.1", 'Cookie: sessionid={session}; x="grafana_session=intruder'),
        "ann",
        ("grafana",),
    )


# Changes and websockets, asked for by a page of somebody else ---------------------------------------------------------

_FOREIGN = {
    "no word of a page": (),
    "another site": ("Origin: https://evil.example",),
    "null": ("Origin: null",),
    "another scheme": ("Origin: https://ops.example.com",),
    "another port": ("Origin: http://ops.example.com:8080",),
    "a name that begins like ours": ("Origin: http://ops.example.com.evil.example",),
    "a name that ends like ours": ("Origin: http://evil-ops.example.com",),
    "a user in it": ("Origin: http://ops.example.com@evil.example",),
    "two of them": ("Origin: https://evil.example", "Origin: http://ops.example.com"),
    "only another site's referer": ("Referer: https://evil.example/http://ops.example.com/",),
    "cross-site, with our origin": ("Sec-Fetch-Site: cross-site", "Origin: http://ops.example.com"),
    "cross-site, with our referer": ("Sec-Fetch-Site: cross-site", "Referer: http://ops.example.com/"),
    "same-site": ("Sec-Fetch-Site: same-site",),
    "same-origin, twice": ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin"),
    "another site, method overridden": ("Origin: https://evil.example", "X-HTTP-Method-Override: GET"),
    "another site, X-Original-Method": ("Origin: https://evil.example", "X-Original-Method: GET"),
    "another site, X_Original_Method": ("Origin: https://evil.example", "X_Original_Method: GET"),
    "another site, its host claimed": ("Origin: https://evil.example", "X-Forwarded-Host: evil.example"),
    "another site, its scheme claimed": ("Origin: https://ops.example.com", "X-Forwarded-Proto: https"),
}


def _changes() -> Iterator[Case]:
    for what, headers in _FOREIGN.items():
        shutdown, body = "/ops/flower/api/worker/shutdown/a", "workername=a"
        yield Case(
            f"POST: {what}",
            request(f"POST {shutdown} HTTP/1.1", *headers, f"Content-Length: {len(body)}", by="ann", body=body),
            "ann",
        )  # fmt: skip
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "PURGE", "get", "GeT", "X"):
        yield Case(
            f"method: {method}",
            request(f"{method} /ops/flower/ HTTP/1.1", "Origin: https://evil.example", by="ann"),
            "ann",
        )
    websocket = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==",
    )
    for who in ("", "bob", "ann"):
        for what, origin in {"our": "http://ops.example.com", "another": "https://evil.example"}.items():
            asked = request("GET /ops/flower/ws HTTP/1.1", f"Origin: {origin}", *websocket, by=who)
            yield Case(f"websocket of {who or 'nobody'}: {what} page", asked, who)
    yield Case(
        "websocket: in capitals, after another word",
        request("GET /ops/flower/ws HTTP/1.1", "Upgrade: h2c, WebSocket", "Connection: Upgrade", by="ann"),
        "ann",
    )
    yield Case(
        "h2c: the upgrade is not passed on",
        request(
            "GET /ops/closed/ HTTP/1.1",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABk",
            "Connection: Upgrade, HTTP2-Settings",
        ),
    )


CORPUS: tuple[Case, ...] = (
    *_paths(), *targets(), *_headers(), *_sessions(), *_changes(), *smuggling(), *surroundings()
)  # fmt: skip

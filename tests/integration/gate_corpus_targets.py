"""The part of the corpus that is about request-targets that are no path: parsers hand them on in different ways.

What is internal has a path of its own, and no target that begins in another way may be taken for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.integration.gate_corpus_case import Case, get

#: Where nginx asks: "/_ops/gate/". What is cut off by its length only may consist of anything.
_ASKED_AT = "/_ops/gate/"
_FILLERS = ("-", ".", "x", "*", "@", ":", ";", "~", "%2d", "/")

#: In nginx's words, which a client can say as well.
_AS_NGINX = ("X-Original-Method: GET", "X-Original-URI: /ops/flower/", "Accept: text/html")

_TARGETS = (
    # no slash first
    "-ok", "-", "x", "@closed/", ":80", "_ops/gate/{name}/", "ops/{name}/intruder", "%2Fops/{name}/intruder",
    "%2F_ops/gate/{name}/", ";/ops/{name}/intruder", "\\ops\\{name}\\intruder", "./ops/{name}/", "../ops/{name}/",
    # nothing, or nothing before the query or the fragment
    "", "?", "?/ops/{name}/intruder", "#", "#/_ops/gate/{name}/", "-#/ops/{name}/intruder", "/#/_ops/gate/{name}/",
    # absolute-form
    "http://ops.example.com", "http://ops.example.com/_ops/gate/{name}/", "http:///_ops/gate/{name}/",
    "HTTP://ops.example.com/_ops/gate/{name}/sign-in", "http:/_ops/gate/{name}/", "http:_ops/gate/{name}/",
    "https://intruder.example/_ops/gate/{name}/", "ftp://ops.example.com/ops/{name}/",
    "file:///ops/{name}/intruder", "http://ops.example.com/_ops/gate/{name}/#/ops/{name}/",
    # authority-form and asterisk-form
    "ops.example.com:80/_ops/gate/{name}/", "intruder@ops.example.com:80", "[::1]:80", "*/_ops/gate/{name}/",
    "*?/_ops/gate/{name}/",
    # what begins like another host
    "//ops.example.com/_ops/gate/{name}/", "//ops.example.com/../_ops/gate/{name}/", "///_ops/gate/{name}/",
    "//ops.example.com/../ops/{name}/", "/\\ops.example.com/_ops/gate/{name}/",
)  # fmt: skip


def targets() -> Iterator[Case]:
    for name in ("flower", "grafana", "closed"):
        for filler in _FILLERS:
            cut = filler * len(_ASKED_AT)
            for end in ("/", "", "/sign-in"):
                target = f"{cut}{name}{end}"
                yield get(f"target, to {name}: {target}", target, *_AS_NGINX, by="ann")
    for target in _TARGETS:
        # what is asked about is what ann may open, and what is opened is what she may not
        written = target.format(name="flower" if _ASKED_AT[1:] in target else "closed")
        for who in ("", "ann"):
            yield get(f"target, {who or 'nobody'}: {written or 'nothing'}", written, *_AS_NGINX, by=who)

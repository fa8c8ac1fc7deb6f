"""Masks secrets in free text by their form: `key=value` with a secret key, tokens, credentials, private keys.

Each pattern takes time linear in the text: what repeats is bounded or possessive, and what was masked is not
looked at again.
"""

from __future__ import annotations

import re
from base64 import b64decode

from django_ops.record.hidden_keys import is_hidden, may_name_a_secret

#: What is shown in place of a secret.
MASK = "********"

#: Every known token has so many characters of these in a row.
_SHORTEST_TOKEN = 20
_LONG_RUN = re.compile(r"[\w.$-]{20}")

# the key of a pair and what separates it from its value:
#   key=v  key: v  "key": "v"  'key', 'v'  key => v  [key]=v  (key)=(v)  key%3Dv  \"key\": \"v\"  --key v
_KEY = re.compile(
    r"""(?<![\w-])(?:--(?P<option>[\w-]{2,128}+)[ ]++(?![-])
    |-{0,2}(?P<key>[\w-]{2,128}+)[\\"'\])]{0,12}+[ \t]{0,4}+
      (?:(?:=>|[:=]=?|%3[dDaA]|\\?u003[dD])(?:[ \t]{0,64}+(?!\s)|\s{0,64}+(?=[bBuUrR]{0,2}\\{0,8}["']))
        |(?<=["']),[ ]{0,4}+(?=[bBuUrR]{0,2}\\{0,8}["'])))""",
    re.VERBOSE,
)
_QUOTED = r"""(?P<escaped>\\{1,8}+["'])(?:(?!(?<!\\)(?P=escaped)).)*+(?P=escaped)?
    |"(?:[^"\\]|\\.)*+(?:"|\Z|\\\Z)|'(?:[^'\\]|\\.)*+(?:'|\Z|\\\Z)"""
_VALUE = re.compile(
    rf"""[bBuUrRfF]{{0,2}}(?P<quoted>{_QUOTED})
    |(?P<brackets>[\w.]{{0,80}}+[(\[{{])
    |(?P<scheme>(?i:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)[ ]+[^\s"'<>]+)
    |(?P<plain>[^\s&"'<>]+)""",
    re.VERBOSE | re.DOTALL,
)
_BRACKET = re.compile(rf"(?P<quoted>{_QUOTED})|[(\[{{]|[)\]}}]", re.VERBOSE | re.DOTALL)
_WHOLE_LINE = re.compile(r"[^\r\n\"'<>]+")
#: Headers whose value is a list of secrets, up to the end of the line.
_HEADERS = frozenset(
    ("cookie", "set-cookie", "http_cookie", "authorization", "proxy-authorization", "http_authorization")
)
#: Values that tell nothing.
_EMPTY_VALUES = frozenset(("None", "null", "True", "False", "true", "false", "''", '""', "[]", "{}", "()", MASK))

_XML = re.compile(r"<(?P<key>[\w:.-]{2,64}+)(?P<attributes>\s[^<>]{0,256}+)?>(?P<value>[^<]{1,4096}+)(?=</|\Z)")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,60}-----|\Z)", re.DOTALL
)
# a password may hold a slash that nobody escaped, but digits and a slash are a port
_USER_INFO = re.compile(
    r"""(?<=://)(?:[^\s/@:"'<>]{0,256}+:(?!\d{1,5}[/?#])[^\s@"'<>]{1,256}+|[^\s/@:"'<>]{1,256}+)@"""
)
_CREDENTIALS = re.compile(r"\b(?P<scheme>bearer|basic|token)[ ]+(?P<value>[\w+/=.~-]{8,4096}+)", re.IGNORECASE)
_DJANGO_RESET = re.compile(r"(?<![0-9A-Za-z])[0-9a-z]{5,8}-[0-9a-f]{32,64}(?![0-9A-Za-z])")

_TOKEN = re.compile(
    r"""(?<![A-Za-z0-9])(?:
    eyJ[\w-]{8,}+(?:\.[\w-]*+){1,4}+                                     # JWT, JWE
    |(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z0-9]{16}                       # AWS
    |gh[pousr]_\w{20,}+|github_pat_\w{20,}+                              # GitHub
    |gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|oas|ffct)-[\w.-]{16,}+     # GitLab
    |xox[a-z](?:\.xox[a-z])?-[\w-]{10,}+|xapp-[\w-]{10,}+                # Slack
    |hooks\.slack\.com/(?:services|workflows)/[\w/-]{20,}+
    |discord(?:app)?\.com/api/webhooks/\d{10,}+/[\w-]{20,}+
    |\d{8,10}:[\w-]{35}(?![\w-])                                         # Telegram
    |[srp]k_(?:live|test|prod)_\w{10,}+|whsec_[\w+/=]{16,}+              # Stripe
    |sk-[\w-]{20,}+                                                      # OpenAI, Anthropic
    |AIza[\w-]{30,}+|ya29\.[\w-]{20,}+|GOCSPX-[\w-]{20,}+                # Google
    |npm_\w{30,}+|pypi-[\w-]{30,}+|dckr_(?:pat|oat)_[\w-]{20,}+          # package registries
    |SG\.[\w-]{16,}+\.[\w-]{16,}+|key-[0-9a-f]{32}|xkeysib-[\w-]{30,}+   # mail services
    |hf_\w{20,}+|do[opr]_v1_[0-9a-f]{40,}+|shp(?:at|ca|pa|ss)_\w{24,}+
    |hv[sbr]\.[\w-]{20,}+|gls[ac]_\w{20,}+|sntry[su]_[\w+/=.-]{20,}+|lin_api_\w{20,}+|figd_[\w-]{20,}+
    |sq0[a-z]{3}-[\w-]{20,}+|AGE-SECRET-KEY-1[A-Z0-9]{20,}+|NRAK-[A-Z0-9]{20,}+|PMAK-[\w-]{20,}+
    |ATATT3[\w=-]{20,}+|(?:r|s)k-proj-[\w-]{20,}+
    |(?:pbkdf2_\w{3,20}|argon2\w{0,4}|bcrypt\w{0,8}|scrypt|md5|sha1|unsalted_md5)\$[^\s"',;<>]{16,}+  # Django
    )|\$(?:2[abxy]?|5|6|y|argon2(?:id|i|d))\$[^\s"',;<>]{20,}+           # crypt(3)
    """,
    re.VERBOSE,
)


def mask_text(text: str) -> str:
    """Return `text` with what looks like a secret replaced by asterisks."""
    # most texts hold none of these, and then nothing is searched
    if ":" in text or "=" in text or "', " in text or '", ' in text or "--" in text or "</" in text or "%3" in text:
        return _mask(text)
    if (
        len(text) >= _SHORTEST_TOKEN
        and ("-" in text or "_" in text or "." in text or "A" in text or "eyJ" in text or "$" in text)
        and _LONG_RUN.search(text)
    ):
        return _mask(text)
    if " " in text:
        lowered = text.lower()
        if "earer " in lowered or "asic " in lowered or "oken " in lowered:
            return _mask(text)
    return text


def _mask(text: str) -> str:
    if "-----BEGIN" in text:
        text = _PRIVATE_KEY.sub(MASK, text)
    lowered = text.lower()
    if may_name_a_secret(lowered):
        text = _mask_pairs(text)
        if "</" in text:
            text = _XML.sub(_mask_element, text)
    if "@" in text and "://" in text:
        text = _USER_INFO.sub(f"{MASK}@", text)
    if "earer " in lowered or "asic " in lowered or "oken " in lowered:
        text = _CREDENTIALS.sub(_mask_credentials, text)
    if _LONG_RUN.search(text):
        text = _TOKEN.sub(MASK, text)
        if "-" in text:
            text = _DJANGO_RESET.sub(MASK, text)
    return text


def _mask_pairs(text: str) -> str:
    shown: list[str] = []
    position = 0
    for match in _KEY.finditer(text):
        if match.start() < position:  # within a value that was masked
            continue
        key = match["key"] or match["option"]
        if not is_hidden(key):
            continue
        start, end = _value_span(text, match.end(), key)
        if end > start and text[start:end] not in _EMPTY_VALUES:
            shown += (text[position:start], MASK)
            position = end
    if not shown:
        return text
    shown.append(text[position:])
    return "".join(shown)


def _value_span(text: str, start: int, key: str) -> tuple[int, int]:
    """Return where the value that begins at `start` lies, without the quotes around it."""
    match = _VALUE.match(text, start)
    if match is None:
        return start, start
    if match["quoted"] is not None:
        opening = match["escaped"] or match["quoted"][0]
        begin = match.start("quoted") + len(opening)
        closed = match["quoted"].endswith(opening) and match.end() - begin >= len(opening)
        return begin, match.end() - len(opening) if closed else match.end()
    if match["brackets"] is not None:
        return start, _end_of_brackets(text, match.end("brackets") - 1)
    if key.lower() in _HEADERS:
        line = _WHOLE_LINE.match(text, start)
        return start, line.end() if line else match.end()
    return start, start + len(match[0].rstrip(",;)]}."))


def _end_of_brackets(text: str, start: int) -> int:
    depth = 0
    for match in _BRACKET.finditer(text, start):
        if match["quoted"] is None:
            depth += 1 if match[0] in "([{" else -1
            if depth <= 0:
                return match.end()
    return len(text)


def _mask_element(match: re.Match[str]) -> str:
    if not is_hidden(match["key"]):
        return match[0]
    return f"<{match['key']}{match['attributes'] or ''}>{MASK}"


def _mask_credentials(match: re.Match[str]) -> str:
    value = match["value"]
    if match["scheme"].lower() == "basic":
        secret = _is_basic(value)
    else:  # "token validation" is English, "Token 9944b09199c62bcf" is not
        secret = len(value) >= 16 or not (value.isalpha() and value.islower())
    return f"{match['scheme']} {MASK}" if secret else match[0]


def _is_basic(value: str) -> bool:
    value = value.rstrip("=./~")
    if len(value) % 4 == 1:
        value = value[:-1]
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), altchars=b"-_" if "-" in value else None)
    except ValueError:
        return False

"""Masks secrets in free text by their form: `key=value` with a secret key, tokens, credentials, private keys.

Each pattern takes time linear in the text: what repeats is bounded or possessive, and what was masked is not
looked at again.
"""

from __future__ import annotations

import re
from base64 import b64decode

from django_ops.record.hidden_keys import is_hidden, may_name_a_secret
from django_ops.record.secret_grammar import CLOSE_TAG, OPEN_TAG, SIGNS, P
from django_ops.record.secret_pairs import MASK, NAMES, decoded, mask_pairs

#: Every known token has so many characters of these in a row.
_SHORTEST_TOKEN = 20
_LONG_RUN = re.compile(r"[\w.$-]{20}")

_ELEMENT = re.compile(
    rf"""(?P<open>{OPEN_TAG})(?P<key>(?:[{SIGNS}:.]|{P}[89a-fA-F][\da-fA-F]){{1,128}}+)
    (?:\s(?:(?!{CLOSE_TAG})[^<]){{0,256}}+)?{CLOSE_TAG}
    (?P<value>\s*+<!\[CDATA\[(?:(?!\]\]>).)*+(?:\]\]>)?|(?:(?!(?P=open)).){{1,4096}}+)(?=(?P=open)(?:/|{P}2[fF])|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,60}-----|\Z)", re.DOTALL
)
# a password may hold a slash that nobody escaped, but digits and a slash are a port
_USER_INFO = re.compile(
    r"""(?:(?<=://)(?:[^\s/@:"'<>]{0,256}+:(?!\d{1,5}[/?#])[^\s@"'<>]{1,256}+|[^\s/@:"'<>]{1,256}+)@
    |(?:(?<=%2[fF])|(?<=%252[fF]))(?:(?!%(?:25){0,2}(?:3[aA]|2[fF]|40))[^\s&"'<>@:/]){0,128}+%(?:25){0,2}3[aA]
      (?:(?!%(?:25){0,2}40)[^\s&"'<>@]){1,256}+%(?:25){0,2}40)""",
    re.VERBOSE,
)
_CREDENTIALS = re.compile(
    r"\b(?P<scheme>bearer|basic|token)(?P<space>[ ]+|%20)(?P<value>[\w+/=.~-]{8,4096}+)", re.IGNORECASE
)
# what comes without a key and a separator: curl -u bob:v, PASSWORD 'v', IDENTIFIED BY 'v', login bob password v
_IN_COMMANDS = re.compile(
    r"""(?:(?<!\S)(?:-u|--(?:proxy-)?user)[ =]+[^\s:"']{1,128}+:(?!\d+(?:\s|\Z))
      |\b(?i:password|passphrase|identified[ ]by(?:[ ]password)?)(?:(?i:[ ]for[ ])[^\s=]{1,128}+[ ]?=)?[ ]++(?=["'])
      |\b(?i:auth)[ ](?:\S{1,128}+[ ])?(?=["'])
      |(?<=\s)login[ ]\S{1,128}+[ ]password[ ]
      |\b(?:requirepass|masterauth|sshpass[ ]-p)[ ])
    (?P<value>"(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.|'')*+'?|\S{1,4096}+)""",
    re.VERBOSE | re.DOTALL,
)
DJANGO_RESET = re.compile(r"(?<![0-9A-Za-z])[0-9a-z]{5,8}-[0-9a-f]{32,64}(?![0-9A-Za-z])")

TOKEN = re.compile(
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
    )|(?<=[\w-]):[0-9A-Za-z]{6}:[\w-]{43}(?![\w-])                         # signed by Django, with a time
    |\$(?:2[abxy]?|5|6|y|argon2(?:id|i|d))\$[^\s"',;<>]{20,}+           # crypt(3)
    """,
    re.VERBOSE,
)


def mask_text(text: str) -> str:
    """Return `text` with what looks like a secret replaced by asterisks."""
    # most texts hold none of these, and then nothing is searched
    if (
        ":" in text or "=" in text or "', " in text or '", ' in text or "--" in text or "</" in text or "%3" in text
        or "%2" in text or "lt;" in text or "\\u00" in text
        or (not text.isascii() and ("\uff1a" in text or "\uff1d" in text))
    ):  # fmt: skip
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
        if " -" in lowered or "pass" in lowered or "identified" in lowered or "auth " in lowered:
            return _mask(text)
        if (" '" in text or ' "' in text or "->" in text) and may_name_a_secret(lowered):
            return _mask(text)
    return text


def _mask(text: str) -> str:
    if "-----BEGIN" in text:
        text = _PRIVATE_KEY.sub(MASK, text)
    lowered = text.lower()
    if may_name_a_secret(lowered):
        text = mask_pairs(text)
        if "</" in text or "lt;/" in text or "%3" in text or "%25" in text:
            text = _mask_elements(text)
    if ("@" in text and "://" in text) or "%2" in text:
        text = _USER_INFO.sub(f"{MASK}@", text)
    if "earer" in lowered or "asic" in lowered or "oken" in lowered:
        text = _CREDENTIALS.sub(_mask_credentials, text)
    if "-u" in text or "pass" in lowered or "identified" in lowered or "auth " in lowered:
        text = _IN_COMMANDS.sub(_mask_in_command, text)
    if _LONG_RUN.search(text):
        text = TOKEN.sub(MASK, text)
        if "-" in text:
            text = DJANGO_RESET.sub(MASK, text)
    return text


def _mask_elements(text: str) -> str:
    shown: list[str] = []
    position = 0
    named = False  # by an element before this one: <name>password</name><value>x</value>
    for match in _ELEMENT.finditer(text):
        key = decoded(match["key"])
        if key.lower() in NAMES and is_hidden(match["value"]):
            named = True
        elif named or is_hidden(key):
            start, end = match.span("value")
            shown += (text[position:start], MASK)
            position, named = end, False
    shown.append(text[position:])
    return "".join(shown)


def _mask_in_command(match: re.Match[str]) -> str:
    value = match["value"]
    if value == MASK or value.strip("\"'") in ("", MASK):
        return match[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{match[0][: -len(value)]}{quote}{MASK}{quote}"


def _mask_credentials(match: re.Match[str]) -> str:
    value = match["value"]
    if match["scheme"].lower() == "basic":
        secret = _is_basic(value)
    else:  # "token validation" is English, "Token 9944b09199c62bcf" is not
        secret = len(value) >= 16 or not (value.isalpha() and value.islower())
    return f"{match['scheme']}{match['space']}{MASK}" if secret else match[0]


def _is_basic(value: str) -> bool:
    value = value.rstrip("=./~")
    if len(value) % 4 == 1:
        value = value[:-1]
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), altchars=b"-_" if "-" in value else None)
    except ValueError:
        return False

"""Secrets to plant: a text that shows one, and the part of it that must never be seen in a line.

None is real; those that scanners look for are put together here.
"""

from typing import NamedTuple

WORD = "Zx9Tr0ub4dorQ7"  # a password without a form of its own: only its key tells
PAYLOAD = "c2VjcmV0IHBheWxvYWQ0MjQyNDI0Mg"


class Planted(NamedTuple):
    name: str
    text: str  # as it stands in a message, a header, an exception, ...
    secret: str  # what may not come out


def whole(name, text):
    return Planted(name, text, text)


#: Known by their form, wherever they stand.
BY_FORM = (
    whole("jwt", f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.{PAYLOAD}"),
    whole("jwt without signature", "eyJhbGciOiJub25lIn0.eyJzdWIiOiI0MiIsIngiOjF9."),
    whole("jwe", f"eyJhbGciOiJSU0EifQ.{PAYLOAD}.{PAYLOAD}.{PAYLOAD}.{PAYLOAD}"),
    whole("aws access key", "AKIA" + "IOSFODNN7EXAMPLE"),
    whole("aws temporary key", "ASIA" + "Y34FZKBOKMUTVV7A"),
    whole("github personal token", "ghp_" + "a1B2c3D4e5F6" * 3),
    whole("github server token", "ghs_" + "a1B2c3D4e5F6" * 3),
    whole("github fine-grained token", "github_pat_" + "11ABCDE0a1B2c3D4e5F6_x9" * 2),
    whole("gitlab token", "glpat-" + "x9Y8z7W6v5U4t3S2r1Q0"),
    whole("slack bot token", "xoxb-" + "123456789012-1234567890123-abcDEF"),
    whole("slack app token", "xapp-1-" + "A0123-456-abcdef0123456789"),
    Planted("slack webhook", "https://hooks.slack.com/services/" + "T0AAAAAAA/B0BBBBBBB/" + PAYLOAD[:24], PAYLOAD[:24]),
    Planted("discord webhook", "https://discord.com/api/webhooks/123456789012/" + PAYLOAD, PAYLOAD),
    whole("telegram bot", "123456789:" + "AAF-x9Y8z7W6v5U4t3S2r1Q0abcdefghij_"),
    whole("stripe live key", "sk_live_" + "51H8x9Y8z7W6v5U4t3S2r1Q0"),
    whole("stripe restricted key", "rk_test_" + "51H8x9Y8z7W6v5U4t3S2r1Q0"),
    whole("stripe webhook secret", "whsec_" + PAYLOAD),
    whole("openai key", "sk-" + "proj-x9Y8z7W6v5U4t3S2r1Q0abcd"),
    whole("google api key", "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"),
    whole("google oauth token", "ya29." + "a0AfH6SMBx9Y8z7W6v5U4t3S2r1Q0"),
    whole("google client secret", "GOCSPX-" + "x9Y8z7W6v5U4t3S2r1Q0"),
    whole("npm token", "npm_" + "x9Y8z7W6v5U4t3S2r1Q0abcdefghijkl"),
    whole("package index token", "pypi-" + "AgEIcHlwaS5vcmcCJGx9Y8z7W6v5U4t3S2"),
    whole("sendgrid key", "SG." + "x9Y8z7W6v5U4t3S2r1Q0ab.x9Y8z7W6v5U4t3S2r1Q0ab"),
    whole("mailgun key", "key-" + "0123456789abcdef0123456789abcdef"),
    whole("brevo key", "xkeysib-" + "0123456789abcdef0123456789abcdef-x9Y8"),
    whole("hugging face token", "hf_" + "x9Y8z7W6v5U4t3S2r1Q0abcd"),
    whole("digitalocean token", "dop_v1_" + "0123456789abcdef" * 4),
    whole("shopify token", "shpat_" + "0123456789abcdef0123456789abcdef"),
    whole("docker token", "dckr_pat_" + "x9Y8z7W6v5U4t3S2r1Q0abcd"),
    whole("vault token", "hvs." + "CAESIx9Y8z7W6v5U4t3S2r1Q0"),
    whole("grafana token", "glsa_" + "x9Y8z7W6v5U4t3S2r1Q0abcd_0a1b2c3d"),
    whole("age key", "AGE-SECRET-KEY-1" + "QYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGP"),
    whole("atlassian token", "ATATT3" + "xFfGF0x9Y8z7W6v5U4t3S2r1Q0"),
    whole("django password hash", "pbkdf2_sha256$870000$x9Y8z7W6v5U4t3S2$" + PAYLOAD),
    whole("argon2 password hash", "argon2$argon2id$v=19$m=102400,t=2,p=8$" + PAYLOAD),
    whole("bcrypt hash", "$2b$12$" + "x9Y8z7W6v5U4t3S2r1Q0abcdefghijklmnop"),
    whole("django password reset token", "c2x5b1-0d8f3a0d8f3a0d8f3a0d8f3a0d8f3a0d"),
    Planted("bearer", f"Bearer {PAYLOAD}", PAYLOAD),
    Planted("bearer in capitals", f"BEARER {PAYLOAD}", PAYLOAD),
    Planted("basic", "Basic YXBwOlp4OVRyMHViNGRvclE3", "YXBwOlp4OVRyMHViNGRvclE3"),
    Planted("rest framework token", "Token " + "9944b09199c62bcf9418ad846dd0e4bb", "9944b09199c62bcf9418ad846dd0e4bb"),
    Planted("user info", f"postgres://app:{WORD}@db:5432/shop", WORD),
    Planted("user info without name", f"redis://:{WORD}@cache:6379/0", WORD),
    Planted("user info with slash", f"amqp://app:{WORD}/x@broker//", WORD),
    Planted(
        "private key",
        f"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA{PAYLOAD}\n{PAYLOAD}==\n-----END RSA PRIVATE KEY-----",
        PAYLOAD,
    ),
    Planted("private key, cut", f"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE{PAYLOAD}", PAYLOAD),
)  # fmt: skip

#: Known by the key before them.
BY_KEY = tuple(
    Planted(text, text.replace("WORD", WORD), WORD)
    for text in (
        "password=WORD",
        "password = 'WORD'",
        'password: "WORD"',
        '{"password": "WORD"}',
        "{'password': 'WORD', 'x': 1}",
        r"{\"password\": \"WORD\"}",
        "<QueryDict: {'password': ['WORD']}>",
        "('password', 'WORD')",
        "[b'x-api-key', b'WORD']",
        "password=>WORD",
        "password%3DWORD%26x",
        "(token)=(WORD) already exists.",
        "user[password]=WORD&x=1",
        "settings['SECRET_KEY'] = 'WORD'",
        "/login?next=/&token=WORD",
        "Authorization: Custom WORD",
        "Proxy-Authorization: WORD",
        "Cookie: a=1; b=WORD",
        "Set-Cookie: sessionid=WORD; HttpOnly",
        "'HTTP_COOKIE': 'theme=dark; remember=WORD'",
        "X-CSRFToken: WORD",
        "csrfmiddlewaretoken=WORD",
        "sessionid=WORD",
        "AWS_SECRET_ACCESS_KEY=WORD",
        "AccountKey=WORD;EndpointSuffix=x",
        "https://blob/x?sig=WORD&se=2",
        "X-Amz-Signature=WORD",
        "mysql --password WORD -u app",
        "['mysql', '--password', 'WORD']",
        "<password>WORD</password>",
        "DB_PASS='WORD'",
        "clientSecret: WORD",
        "password=SecretStr('WORD')",
        "credit_card=WORD",
        "cvv: WORD",
        "host=db password=WORD user=app",
    )
)

ALL = BY_FORM + BY_KEY

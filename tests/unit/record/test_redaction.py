"""Secrets are masked by key and by form, innocent texts are not, and no text takes long."""

import time
from itertools import product
from operator import attrgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.record import secret_patterns
from django_ops.record.hidden_keys import may_name_a_secret
from django_ops.record.redaction import MASK, allowed_query, configure, is_hidden, mask_head, mask_path, mask_text
from tests.each import each
from tests.unit.logs.secrets import ALL

HIDDEN = """
password PASSWORD userPassword user_password userpassword passwd pass pwd passphrase DB_PASS new_password1
api_key apiKey APIKEY X-Api-Key API OPENAI_API key keys aws_access_key_id KEY_BASE64 sslkey AccountKey private_key
token access_token refreshToken csrfmiddlewaretoken X-CSRFToken id_token tokens
secret SECRET_KEY client_secret clientSecret secrets
auth Authorization HTTP_AUTHORIZATION oauth2 proxy-authorization AUTH_HEADER
signature sig SharedAccessSignature X-Amz-Signature
cookie HTTP_COOKIE Set-Cookie sessionid session_key session user_session
credentials creds jwt otp totp pin cvv cvc ssn credit_card creditCard card_number cardNumber sid dsn SENTRY_DSN
verification_code reset_code пароль contraseña user.password payment[card_number]
""".split()

INNOCENT = """
monkey turkey donkey keyboard keyword hotkeys author authors authority authored passenger passed bypass compass
primary_key primaryKey foreign_key cache_key sort_key partition_key key_name key_count
password_changed_at token_type token_count total_tokens max_tokens prompt_tokens session_count sessions_count
secretary tokenizer tokenize signed design signal cookiecutter id email username status path method user shipping
api_version capital rapid apiary classes opinion spin sideways card code country_code status_code pink credited
palabra_clave parola_chiave rosenhain slogan enclave bassword sandiego wortlaut passiv größe straße kategorie
""".split()


@each("key", HIDDEN)
def test_is_hidden__secret(key):
    assert is_hidden(key)


@each("key", INNOCENT)
def test_is_hidden__innocent(key):
    assert not is_hidden(key)


@each("key", HIDDEN)
def test_may_name_a_secret__never_wrong_with_no(key):
    assert may_name_a_secret(f"some text, {key}=x".lower())


def test_is_hidden__no_words():
    assert not is_hidden("")
    assert not is_hidden("--..")


def test_is_hidden__long_key():
    assert is_hidden("x" * 5000 + "_password")


def test_is_hidden__long_innocent_key():
    assert not is_hidden("abc_" * 5000)


@pytest.fixture
def _tax_number_is_hidden():
    configure(["tax_number", ""])
    yield
    configure([])


@pytest.mark.usefixtures("_tax_number_is_hidden")
@pytest.mark.parametrize("key", ["tax_number", "taxNumber", "TAX-NUMBER", "customer_tax_number"])
def test_configure__further_words(key):
    assert is_hidden(key)


@pytest.mark.usefixtures("_tax_number_is_hidden")
@pytest.mark.parametrize("key", ["tax", "number", "taxi_number", "syntax_number"])
def test_configure__other_words_stay_innocent(key):
    assert not is_hidden(key)


@pytest.mark.usefixtures("_tax_number_is_hidden")
def test_configure__applies_to_texts():
    assert mask_text("tax_number=123") == f"tax_number={MASK}"


def test_configure__replaces_what_was_before():
    configure(["colour"])
    configure([])
    assert not is_hidden("colour")


@each("planted", ALL, name=attrgetter("name"))
def test_mask_text__secret(planted):
    assert planted.secret not in mask_text(planted.text)


FRAMES = [
    "{}",
    "before {}",
    "{} after",
    "before\n{}\nafter",
    '"{}"',
    "({})",
    "x={}",
    "Error: {}.",
    "[{}]",
    "/{}/",
    "é {} ü",
]


@each("planted, frame", product(ALL, FRAMES), name=lambda case: f"{case[0].name} in {case[1]!r}")
def test_mask_text__secret_within_other_text(planted, frame):
    assert planted.secret not in mask_text(frame.format(planted.text))


@each("planted", ALL, name=attrgetter("name"))
def test_mask_text__again_changes_nothing(planted):
    once = mask_text(planted.text)
    assert mask_text(once) == once


@each(
    "text",
    [
        "GET /orders/17 200 18ms",
        "user bob created order 17",
        "Not Found: /favicon.ico",
        "12:30:45 took 17ms",
        "status=paid order=17 total=12.50",
        "https://shop.example/orders/17?page=2#top",
        "http://localhost:8000/@bob",
        'File "/app/orders/views.py", line 42, in detail',
        "KeyError: 'password'",
        "password=None",
        "token=''",
        "password=",
        "Basic authentication failed",
        "Basic building blocks",
        "Basic b\xfcilding-blocks",
        "password= ",
        "password:",
        "<name>bob</name> secret",
        "token validation failed",
        "the bearer rejected it",
        "primary_key=17 cache_key=user:17",
        "author: Jane, keyboard: qwerty",
        "risk-assessment-report-2026-final-version",
        "a-very-long-slug-with-many-words-in-it-for-search-engines",
        "550e8400-e29b-41d4-a716-446655440000",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "django.core.exceptions.ImproperlyConfigured",
        "-----BEGIN CERTIFICATE-----",
        "привет, мир: всё хорошо",
        "price: 5$ per item",
        "",
    ],
)
def test_mask_text__innocent(text):
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password='a b', user='c'", f"password='{MASK}', user='c'"),
        ('{"password": "a\\"b", "x": 1}', f'{{"password": "{MASK}", "x": 1}}'),
        ("'password': ['a', 'b)c'], 'x': 1", f"'password': {MASK}, 'x': 1"),
        ("password=a&x=1", f"password={MASK}&x=1"),
        ("f(password=a, x=1)", f"f(password={MASK}, x=1)"),
        ("Cookie: a=b; c=d\nHost: x", f"Cookie: {MASK}\nHost: x"),
        ("https://u:p@host/x", f"https://{MASK}@host/x"),
        ("token='it\\'s', x='y'", f"token='{MASK}', x='y'"),
        ("'password':\n   'abc'", f"'password':\n   '{MASK}'"),
        ("Token 9944b09199c62bcf", f"Token {MASK}"),
        ("password='never closed", f"password='{MASK}"),
        ('<key id="1">abc</key>', f'<key id="1">{MASK}</key>'),
        ("password=((a), [b]), x=1", f"password={MASK}, x=1"),
        ("password=[never closed", f"password={MASK}"),
        ("Cookie: 'a=b; c=d'", f"Cookie: '{MASK}'"),
        ("<key>abc</key><name>bob</name>", f"<key>{MASK}</key><name>bob</name>"),
    ],
)
def test_mask_text__shows_the_rest(text, shown):
    assert mask_text(text) == shown


@given(st.text())
def test_mask_text__any_text(text):
    assert isinstance(mask_text(text), str)


HOSTILE = {
    "one letter": "a" * 65_536,
    "equal signs": "a=" * 32_768,
    "schemes": "://a:" * 13_000 + "@",
    "open quotes": "password='" * 6_500,
    "open brackets": "password=[" * 6_500,
    "private keys": "-----BEGIN PRIVATE KEY-----" * 2_400,
    "jwt beginnings": "eyJ" * 22_000,
    "jwt parts": "eyJaaaaaaaa." * 5_400,
    "credentials": "bearer " * 9_300,
    "keys": "password" * 8_192,
    "dashes": "-" * 65_536,
    "elements": "<password>" * 6_500 + "</",
    "options": "--password " * 5_900,
    "pairs": "password: " * 6_500,
    "dollars": "$2$" * 21_000,
    "escaped quotes": 'password=\\"' * 5_900,
    "user info": "://" + "a" * 65_000 + "@",
    "reset tokens": "abcdef-" * 9_300,
    "colons": "1234567890:" * 5_900,
    "spaces": "password=" + " " * 65_000,
    "line ends": "password=" + "\n" * 65_000,
    "backslashes": 'password="' + "\\" * 65_000,
    "commas": "'password', " * 5_400,
    "underscores": "_" * 65_536 + "=",
    "quoted keys": "\"'])\\" * 13_000 + "=",
    **{
        repr(unit): unit * (16_384 // len(unit)) + "password=x</x>"
        for unit in (
            "%D0", "%25D0", "%22", "%2522", "%5C", "%5Cu00f1", r"\xc3", r"\u00f1", "&quot;", "password&quot;",
            "password%5B0", "password[0", "name=", "name=[", "value=[", "value=x name=password ", "name=password>",
            "name='password'}{", '"cookie: ', "cookie: \\r", "form-data; name=password\r\n", "password: |\n x\n",
            "password=}}a", "password=[}", "password='\\''", "password=`", "'''", "<name>password</name>", "<![CDATA[",
            "&lt;password&gt;", "-u a:", "password for ", "login x password ", "%2Fa%3A", "a:1rXyz2:", "passe: ",
            "password: >\n\n", "\uff1a", 'password";s:1:', "'password', ['",
        )
    },
}  # fmt: skip


@each("name", HOSTILE)
def test_mask_text__hostile_text_takes_linear_time(name):
    text = HOSTILE[name]
    begin = time.process_time()
    mask_text(text)
    assert time.process_time() - begin < 1.0  # 16 or 64 KiB; what is quadratic takes seconds or minutes


@pytest.mark.parametrize(
    "text",
    ["GET /orders/17 200 18ms", "/orders/17", "/api/v1/order-items/17/", "user bob created order 17", "mail sent", ""],
)
def test_mask_text__ordinary_text_is_not_searched(text, monkeypatch):
    monkeypatch.setattr(secret_patterns, "_mask", lambda text: pytest.fail("searched"))
    assert mask_text(text) == text


def test_mask_head__short_text():
    assert mask_head("token=abc x", 100) == f"token={MASK} x"


def test_mask_head__secret_across_the_end():
    text = "x" * 90 + " postgres://app:hunter2hunter2@db"
    assert "hunt" not in mask_head(text, 115)


def test_mask_head__length():
    assert mask_head("x" * 500, 100) == "x" * 100


def test_mask_path__hidden_kwarg():
    assert mask_path("/reset/MQ/set-abc/", {"uidb64": "MQ", "token": "set-abc"}) == f"/reset/MQ/{MASK}/"


def test_mask_path__no_kwargs():
    assert mask_path("/reset/MQ/set-abc/", {}) == "/reset/MQ/set-abc/"


def test_mask_path__innocent_kwargs():
    assert mask_path("/orders/17/", {"pk": 17, "author": "bob"}) == "/orders/17/"


def test_mask_path__short_value_is_a_segment_only():
    assert mask_path("/api/v1/pin/1/", {"pin": 1}) == f"/api/v1/pin/{MASK}/"


def test_mask_path__escaped_value():
    assert mask_path("/reset/a%20b%2Fc/", {"token": "a b/c"}) == f"/reset/{MASK}/"


def test_mask_path__value_within_a_segment():
    assert mask_path("/file-abcdef.pdf", {"key": "abcdef"}) == f"/file-{MASK}.pdf"


def test_mask_path__empty_value():
    assert mask_path("/reset//", {"token": ""}) == "/reset//"


def test_mask_path__lone_surrogate():
    assert mask_path("/reset/\udc80abc/", {"token": "\udc80abc"}) == f"/reset/{MASK}/"


def test_allowed_query__no_keys():
    assert allowed_query("a=1&b=2", frozenset()) == ""


def test_allowed_query__only_allowed():
    assert allowed_query("a=1&b=2&c=3", frozenset(("a", "c"))) == "a=1&c=3"


def test_allowed_query__hidden_key():
    assert allowed_query("token=abc", frozenset(("token",))) == f"token={MASK}"


def test_allowed_query__secret_by_form():
    assert allowed_query("q=AKIA" + "IOSFODNN7EXAMPLE", frozenset("q")) == f"q={MASK}"


def test_allowed_query__encoded():
    assert allowed_query("%71=a%20b%0A&q=c%26d", frozenset("q")) == "q=a+b%0A&q=c%26d"


def test_allowed_query__invalid_utf_8():
    assert allowed_query("q=%ff", frozenset("q")) == "q=%EF%BF%BD"


def test_allowed_query__long():
    assert len(allowed_query("q=" + "x" * 100_000, frozenset("q"))) < 5000


@given(st.text(), st.frozensets(st.text(max_size=3)))
def test_allowed_query__any_text(query, keys):
    assert isinstance(allowed_query(query, keys), str)

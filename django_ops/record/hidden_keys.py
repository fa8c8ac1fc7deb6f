"""Which keys name a secret, decided by the words in them: `api_key` and `userPassword` do, `monkey` does not.

Of other languages, the words for a password are known, with and without their accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TypeVar

from django_ops.remembered import Remembered

T = TypeVar("T")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _plain(text: str) -> str:
    """Return `text` without accents, however they are written: `contraseña` and `jelszó` as many type them."""
    if text.isascii():
        return text
    return "".join(part for part in unicodedata.normalize("NFKD", text) if unicodedata.category(part)[0] != "M")


def _foreign(words: str) -> str:
    return _plain("|".join(words.split()))


#: A word of a key: `HTTPAuthToken2` is HTTP, Auth, Token, 2.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ANY_WORD = re.compile(r"[^\W\d_]+|\d+")

#: Inside a word, as people write compounds without a separator (`userpassword`, `clientsecret`).
_INSIDE_A_WORD = re.compile(
    r"password|passwd|passphrase|passcode|secret(?!ar)|credential|^senhas?|senhas?$|has[lł]o|(?:he|ge)slo$|"
    + _foreign(
        "passwort kennwort wachtwoord wagwoord contraseñ contrasinal motdepasse lösenord passord adgangskode kodeord"
        " salasana salasõna lykilor jelszo pasahitz slaptažod lozink zaporka şifre парол лозинк"
        " סיסמ गुप्तशब्द पासवर्ड รหัสผ่าน 密码 密碼 口令 パスワード 暗証番号 비밀번호 암호 گذرواژه"
    )
)

#: Across words, with or without a separator.
_ACROSS_WORDS = re.compile(
    r"(?:api|access|secret|private|signing|encryption|auth|account|session|security|storage|service|master|host)keys?"
    r"|(?:ssh|ssl|tls|rsa|gpg|pgp|aws)keys?"
    r"|(?:auth|access|refresh|id|csrf|xsrf|reset|session)tokens?"
    r"|(?:verification|authorization|auth|reset|security|activation|confirmation|recovery|backup|login|sms)codes?$"
    r"|session(?:id|cookie|data)|creditcard|card(?:number|no|num)$|cc(?:number|no|num)$|"
    + _foreign("motdepasse palavrapasse katasandi katalaluan mậtkhẩu κωδικόςπρόσβασης كلمةالمرور كلمةالسر رمزعبور")
)
#: The words before these decide, also where spaces lie between: "mot de passe" is a secret, "palabra clave" is none.
_ENDS_OF_PHRASES = frozenset(_foreign("clave passe sandi laluan khẩu πρόσβασης المرور السر عبور").split("|"))

#: Whole words. Django's list for its debug page (API, AUTH, TOKEN, KEY, SECRET, PASS, SIGNATURE, HTTP_COOKIE)
#: and what else people call a secret.
_WORDS = _set(
    "pass pwd passwd pw passkey token tokens auth oauth oauth2 authorization authentication bearer jwt jws jwe"
    " signature signatures sig cookie cookies csrf xsrf csrfmiddlewaretoken cred creds otp totp hotp mfa"
    " cvv cvv2 cvc pin ssn sid dsn salt apikey authkey webhooksecret sandi parool"
)
#: Words that name a secret only at the end, or alone: `parola` and `clave` are also the first words of "keyword".
_LAST_WORDS = frozenset(("api", "session", *_foreign("parola parole clave κωδικός").split("|")))

#: `primary_key` and its like are no secrets.
_INNOCENT_KEYS = _set(
    "primary foreign cache sort partition public natural lookup unique idempotency routing group row dict index"
    " object file order message translation config setting map bucket registry event record metric label filter"
    " feature hash shard join surrogate composite duplicate missing"
)
#: What may follow `key` without changing what it is: `aws_access_key_id`, `KEY_BASE64`.
_AFTER_KEY = _set("id ids base base64 b64 pem hex value data text json env old new raw prod test live dev")

#: A key that ends in one of these speaks about a secret and does not hold it: `password_changed_at`.
_ABOUT_A_SECRET = _set(
    "at count counts length len size type types kind expires expiry expiration expired ttl age policy rate ratio"
    " valid invalid required strength attempts enabled disabled algorithm file path timeout seconds"
)
#: Counts of what language models call tokens.
_BEFORE_TOKENS = _set("max min total prompt completion input output num used cached reasoning")

#: One of these is in every key that is hidden: a text without any needs no search for keys.
STEMS = tuple(
    _set(
        "pass pw token key auth sig secret cookie srf cred session sid api jw otp pin code card cv cc ssn dsn salt mfa"
        " bearer senha wort woord contrase contrasi sandi khau parol parool laluan haslo heslo geslo kode losenord"
        " salasa lykilor jelsz pasahi slapta lozink zaporka sifre clave"
    )
)
#: A key with other than ASCII characters, written out or encoded: `%C3%B1`, `\\u00f1`, `\\xc3`.
_NOT_ASCII = re.compile(r"%(?:25){0,2}[89a-f][0-9a-f]|\\u(?!00[0-7])|\\x[89a-f]")

_LONGEST = 128  # characters; of a longer key its ends are looked at, and it is decided anew each time
_extra_words: frozenset[str] = frozenset()
_forgetting: list[Callable[[], object]] = []  # what empties a table whose answers depend on the hidden words


def configure(extra_words: Iterable[str]) -> None:
    """Let `extra_words` mark keys as secret as well, such as `tax_number` (also found as `taxNumber`)."""
    global _extra_words
    _extra_words = frozenset("".join(split_words(word)) for word in extra_words) - {""}
    for forget in _forgetting:
        forget()


def until_configured(table: Remembered[T]) -> Remembered[T]:
    """Return `table`, which `configure` empties from now on."""
    _forgetting.append(table.clear)
    return table


def is_hidden(key: str) -> bool:
    """Tell whether `key` names a secret, so that its value may not be shown."""
    return _decided[key]


def any_is_hidden(keys: Iterable[str]) -> bool:
    """Tell whether one of `keys` names a secret."""
    return any(map(_decided.__getitem__, keys))


def may_name_a_secret(lowered: str) -> bool:
    """Tell whether a key in `lowered`, a text in lower case, could be hidden; cheap, and never wrong with no."""
    return (
        bool(_extra_words)
        or any(map(lowered.__contains__, STEMS))
        or not lowered.isascii()
        or (("%" in lowered or "\\" in lowered) and _NOT_ASCII.search(lowered) is not None)
    )


def may_end_a_phrase(key: str) -> bool:
    """Tell whether the words before `key` decide with it: "mot de passe" is a secret, "passe" is none."""
    return _plain(key.lower()) in _ENDS_OF_PHRASES


def is_unmistakable(key: str) -> bool:
    """Tell whether a hidden key is no word of a sentence: `password` and `api_key`, but not `token` or `key`."""
    return "_" in key or "-" in key or _INSIDE_A_WORD.search(_plain(key.lower())) is not None


def split_words(key: str) -> list[str]:
    """Return the words of a key in lower case, without accents."""
    key = _plain(key)
    if not key.isascii():
        return _ANY_WORD.findall(key.lower())
    return [word.lower() for word in _WORD.findall(key)]


def _decide(key: str) -> bool:
    words = split_words(key if len(key) <= _LONGEST else f"{key[:_LONGEST]} {key[-_LONGEST:]}")
    if not words:
        return False
    if _extra_words and _is_extra(words):
        return True
    if words[-1] in _ABOUT_A_SECRET and len(words) > 1:
        return False
    if words[-1] == "tokens" and len(words) > 1 and words[-2] in _BEFORE_TOKENS:
        return False
    return (
        any(word in _WORDS or _INSIDE_A_WORD.search(word) for word in words)
        or (words[-1] in _LAST_WORDS and words[-2:-1] != ["palabra"])
        or _ACROSS_WORDS.search("".join(words)) is not None
        or _names_a_key(words)
    )


_decided = until_configured(Remembered(_decide, most=4096, longest=_LONGEST))


def _names_a_key(words: list[str]) -> bool:
    for index, word in enumerate(words):
        if word in ("key", "keys"):
            innocent = index > 0 and words[index - 1] in _INNOCENT_KEYS
            if not innocent and all(after in _AFTER_KEY or after.isdigit() for after in words[index + 1 :]):
                return True
    return False


def _is_extra(words: list[str]) -> bool:
    return any(
        "".join(words[start:end]) in _extra_words
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
    )

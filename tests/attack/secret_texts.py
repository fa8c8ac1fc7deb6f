"""Texts with a planted secret, by form and by language of the key, and innocent texts, which must stay as they are.

Half of the cases are held out: the patterns were written against the others only. Which half a case is in is decided
by a hash of its form and its language, so that it never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import product
from random import Random
from typing import NamedTuple

from tests.attack.secret_forms import OWN_KEY, QUOTED, UNQUOTED, Render

#: What people call a password, or another secret, in their language.
LANGUAGES = {
    "english": ["password", "passwd", "api_key", "userPassword"],
    "german": ["passwort", "kennwort", "benutzerpasswort", "neuesPasswort"],
    "portuguese": ["senha", "nova_senha", "palavra_passe", "senhaAtual"],
    "spanish": ["contraseña", "contrasena", "nueva_contraseña", "clave"],
    "french": ["mot_de_passe", "motdepasse", "nouveauMotDePasse"],
    "dutch": ["wachtwoord", "nieuw_wachtwoord"],
    "italian": ["password_utente", "nuovaPassword"],
    "catalan": ["contrasenya"],
    "romanian": ["parola", "parolă"],
    "polish": ["hasło", "haslo", "nowe_haslo"],
    "czech": ["heslo", "nove_heslo"],
    "hungarian": ["jelszó", "jelszo"],
    "swedish": ["lösenord", "losenord"],
    "danish": ["adgangskode", "kodeord"],
    "norwegian": ["passord"],
    "finnish": ["salasana"],
    "icelandic": ["lykilorð"],
    "estonian": ["parool", "salasõna"],
    "latvian": ["parole", "jauna_parole"],
    "lithuanian": ["slaptažodis", "slaptazodis"],
    "slovenian": ["geslo"],
    "croatian": ["lozinka", "zaporka"],
    "turkish": ["şifre", "sifre", "yeniŞifre"],
    "indonesian": ["kata_sandi", "sandi"],
    "vietnamese": ["mật_khẩu", "mat_khau"],
    "russian": ["пароль", "новый_пароль"],
    "serbian": ["лозинка"],
    "greek": ["κωδικός", "κωδικός_πρόσβασης"],
    "hebrew": ["סיסמה"],
    "arabic": ["كلمة_المرور", "كلمة_السر"],
    "persian": ["رمز_عبور", "گذرواژه"],
    "hindi": ["पासवर्ड"],
    "thai": ["รหัสผ่าน"],
    "chinese": ["密码", "用户密码", "口令"],
    "japanese": ["パスワード", "暗証番号"],
    "korean": ["비밀번호", "암호"],
}

_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"
#: What may stand within a secret where its form has no quotes around it, and where it has.
_TIGHT = ["-", ".", "_", "~", "!", "*", "+", ":", "^"]
_RICH = [", ", "; ", " & ", "' ", '" ', "=", ": ", "@", "</", "}", ") ", "\\ "]
_PIECE = 6  # characters; so many in a row are a part of a secret that came through


class Case(NamedTuple):
    """A text that shows a secret: `secret` consists of pieces that none of the forms has to escape."""

    name: str
    text: str
    secret: tuple[str, ...]
    held_out: bool


def comes_through(secret: tuple[str, ...], shown: str) -> bool:
    """Tell whether six characters in a row of a planted secret are in `shown`."""
    return any(piece[start : start + _PIECE] in shown for piece in secret for start in range(len(piece) - _PIECE + 1))


def _cases(forms: dict[str, Render], languages: dict[str, list[str]], joiners: list[str]) -> Iterator[Case]:
    for form, language in product(forms, languages):
        name = f"{form} in {language}"
        digest = sha256(name.encode()).digest()
        random = Random(digest)  # the same secrets in each run, so that a failure can be repeated
        pieces = tuple("".join(random.choices(_LETTERS, k=8)) for _ in range(3))
        value = pieces[0] + "".join(random.choice(joiners) + piece for piece in pieces[1:])
        yield Case(name, forms[form](random.choice(languages[language]), value), pieces, held_out=digest[0] % 2 == 1)


def cases() -> list[Case]:
    """Return all texts with a secret, the same at each call."""
    own = {f"variant {number}": ["response", "token", "pin"] for number in range(6)}
    return [
        *_cases(UNQUOTED, LANGUAGES, _TIGHT),
        *_cases(QUOTED, LANGUAGES, _RICH),
        *_cases(OWN_KEY, own, ["-", ".", "_"]),
    ]


def missed(mask: Callable[[str], str], *, held_out: bool) -> tuple[list[str], int]:
    """Return the names of the cases of one half whose secret `mask` lets through, and how many the half has."""
    half = [case for case in cases() if case.held_out is held_out]
    return [case.name for case in half if comes_through(case.secret, mask(case.text))], len(half)


#: What must stay as it is: a log in which everything is masked is read by nobody.
INNOCENT = r"""
GET /orders/17 200 18ms
POST /api/v1/token/refresh/ 401 3ms
/accounts/password/reset/done/
/static/js/author.3f2a9c1b7d04.js
/wiki/Category:Cats
/de/Rosenhain/Strasse?seite=3&sortierung=preis
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36
Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/437.0;FBLC/en_US]
user 'bob' created order "17"
Unexpected token '<' in line 3
missing key 'user', unknown token "x"
password validation failed for user 17
invalid token in line 3
the passenger list has 12 names: Ana, Bob
mot de cassis : 3
ce qui se passe : rien
palabra clave: zapatos
parola d'ordine
sandbox: enabled=True workers=4
{"name": "user", "value": "bob"}
{"name": "author", "required": true, "value": "Jane Doe"}
[{"name": "colour", "label": "red"}, {"type": "text", "value": "blue"}]
<input type="text" name="city" value="Lisbon">
<input name="q" value="red shoes"><input name="page" value="2">
<option value="17">Seventeen</option>
<name>bob</name><value>17</value>
Content-Disposition: form-data; name="city"
{'status': 'paid', 'total': '12.50', 'currency': 'EUR'}
Order(id=17, status='paid', lines=[Line(sku='a-1', count=2)])
status: paid
total = 12.50
retries: 3, timeout: 10s, backoff: 1.5
- name: LANG
  value: C.UTF-8
key_count=3 primary_key=17 cache_key=user:17 sort_key: name
max_tokens=4096 prompt_tokens: 812 completion_tokens: 77
password_changed_at: 2026-11-20 token_type=urlencoded session_count: 4
%7B%22user%22%3A%22bob%22%2C%22page%22%3A2%7D
/search?q=caf%C3%A9&lang=fr
/go?next=%2Forders%2F17%3Fpage%3D2
SELECT id, name FROM orders WHERE id = 17 AND status = 'paid' ORDER BY created_at DESC
relation "orders" does not exist at character 15
null value in column "status" violates not-null constraint
File "/app/orders/views.py", line 42, in detail
KeyError: 'password'
KeyError: 'passwort'
unexpected keyword argument 'password'
['id', 'name', 'status']
Field 'password' is required
django.core.exceptions.ValidationError: ['This password is too short.']
a-very-long-slug-with-many-words-in-it-for-search-engines
550e8400-e29b-41d4-a716-446655440000
00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
2026-12-01T11:00:00.123Z took=17ms host=web-1 slot=3
https://shop.example/orders/17?page=2#top
tar -xzf x.tar.gz -C /srv --strip-components 1
curl -u bob https://host/
docker run --user 1000:1000 image
rsync -av --delete a b
привет, мир: всё хорошо
статус: оплачено, сумма = 12
注文: 17件, 合計=1250
größe: XL, farbe: rot, straße: Rosenhain 3
číslo: 17, stav = zaplaceno
C:\new\token\resource.txt was read
""".strip().splitlines()  # fmt: skip

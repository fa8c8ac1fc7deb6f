"""The masking of texts in the words of nginx, for its access log: made from the same patterns, and never laxer.

nginx has regular expressions and no more. So it keeps a text up to its first secret and shows nothing of what
follows, and a key is hidden where it has one of the stems that every hidden key has. Each of the maps cuts what the
one before it left, so that the earliest secret of all decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from django_ops.record.hidden_keys import STEMS, split_words
from django_ops.record.secret_pairs import MASK, NAMES, VALUES
from django_ops.record.secret_patterns import DJANGO_RESET, TOKEN

#: Characters of a path and of a user agent that a line shows.
LONGEST_FIELD = 256
#: Characters that are looked at, so that a secret is not cut before it is seen.
_LOOKED_AT = LONGEST_FIELD + 1024

# What follows is for maps that ignore case. Only the length of the text bounds what repeats: PCRE writes bounded groups
# out, and takes 64 KiB. Each sign may be written out or encoded, as in `secret_grammar`.
_P = "%(?:25)*+"
_AND, _END = f"(?:&|{_P}26)", f"(?:;|{_P}3B)"
_ENTITY = rf"{_AND}(?:amp{_END})?[a-z\d#]++{_END}"
_QUOTE = rf"(?:(?:\\|{_P}5C)*+(?:[\"']|{_P}2[27]|u002[27])|{_ENTITY})"
_SPACE = rf"(?:[ +]|{_P}20)"
_NOT_ASCII = rf"(?:{_P}[89A-F][\dA-F]|(?:\\|{_P}5C)++(?:u(?!00[0-7])[\dA-F]|x[89A-F])[\dA-F])"
#: A key with other letters than those of ASCII counts as hidden.
_STEM = f"(?:{'|'.join(sorted(STEMS))}|{_NOT_ASCII})"
_REST = rf"(?:[\w-]++|{_NOT_ASCII})*+"
_CLOSERS = rf"(?:[\\\"'\])\d[ +]|{_P}(?:2[0279]|5[BCD])|{_ENTITY}|u002[27])*+"
_SEPARATOR = rf"(?:[?!]|{_P}(?:3F|21))?(?:[:=]|{_P}3[AD]|u003[AD])(?:[=>]|{_P}3[DE])?"
_ARROW = rf"(?:-(?:>|{_P}3E)|(?:<|{_P}3C)-)"
# of an option: after no letter, or after a sign that ends in one as it is encoded
_BEGINNING = r"(?:(?<![\w-])|(?<=[2-7][\dA-F])|(?<=\\[nrt])|(?<=5C[nrt]))"
_OPEN_TAG, _CLOSE_TAG = rf"(?:<|{_P}3C|{_AND}(?:amp{_END})?lt{_END})", rf"(?:>|{_P}3E|{_AND}(?:amp{_END})?gt{_END})"


def _objects() -> str:
    """{"name": "password", "value": "x"}: from the first half on, whichever it is."""
    name, value = ("|".join(sorted(words)) for words in (NAMES, VALUES))
    separator = rf"(?:{_SEPARATOR}|{_ARROW}|{_CLOSE_TAG}|%EF%BC%9[AD])"
    named = rf"(?:{name}){_CLOSERS}{separator}{_CLOSERS}B?{_QUOTE}?[^\s&\"'<>]{{0,64}}?{_STEM}"
    return rf"(?=.*{named})(?P<kept>.*?)(?:(?:{value}){_CLOSERS}{_SEPARATOR}|{named})"


def _wide(stem: str) -> str:
    """The colon and the equals sign of East Asia: they count as letters of the key before them."""
    return rf"(?=.*%EF%BC%9[AD])(?P<kept>.*?){stem}"


def _pairs(stem: str) -> str:
    separators = (
        rf"{_CLOSERS}{_SEPARATOR}",
        rf"{_CLOSERS}{_ARROW}",
        rf"(?:{_QUOTE}|[\\\])]|{_P}(?:5[BCD]|29))*?{_SPACE}++{_QUOTE}",
        rf"{_QUOTE}(?:,|{_P}2C){_SPACE}*+(?:[(\[]|{_P}(?:28|5B))?[BUR]*+{_QUOTE}",
        rf"{_QUOTE}(?:;|{_P}3B)s(?::|{_P}3A)",
    )
    return (
        rf"(?P<kept>.*?)(?:{stem}{_REST}(?:{'|'.join(separators)})"
        rf"|{_BEGINNING}-[\w-]{{0,64}}?{stem}{_REST}{_SPACE}++(?![-=:]|$)|{_OPEN_TAG}[\w:.-]{{0,64}}?{stem})"
    )


def _commands() -> str:
    commands = (
        rf"(?:pass(?:word|phrase)|identified{_SPACE}by(?:{_SPACE}password)?){_SPACE}++(?:for{_SPACE}|{_QUOTE})",
        rf"auth{_SPACE}(?:[^ ]{{0,64}}?{_SPACE})?{_QUOTE}",
        rf"(?:requirepass|masterauth|sshpass{_SPACE}-p){_SPACE}",
        rf"login{_SPACE}[^ ]{{0,64}}?{_SPACE}password{_SPACE}",
        rf"-(?:u|-(?:proxy-)?user)(?:{_SPACE}|=|{_P}3D)++[^\s:]{{0,64}}?(?::|{_P}3A)",
        rf"(?:(?<!\w)|(?<=%[\dA-F][\dA-F]))(?:bearer|basic|token){_SPACE}++[\w+/=.~%-]{{8}}",
    )
    return rf"(?P<kept>.*?)(?:{'|'.join(commands)})"


def _forms() -> str:
    """Tokens, credentials in URLs and private keys; a sign that belongs into no path is encoded there."""
    colon, slash = f"(?::|{_P}3[aA])", f"(?:/|{_P}2[fF])"
    password = rf"{colon}(?!\d{{1,5}}(?:[?#]|{slash}))[^\s@\"'<>]+?"
    user_info = rf"{colon}{slash}{{2}}(?:(?!{_P}(?:3[aA]|2[fF]|40))[^\s/@:\"'<>])*+(?:{password})?(?:@|{_P}40)"
    either = f"{re.sub(r'[ ]{2,}#.*', '', TOKEN.pattern)}|{DJANGO_RESET.pattern}"
    parts = re.split(r"(\[[^\]]+\])", re.sub(r"\s+", "", either))  # every second one is a class of characters
    for index, part in enumerate(parts):
        if index % 2:
            parts[index] = part.replace("/", "/%")
        else:
            part = re.sub(r"(?<!\?):", colon, part).replace("/", slash)
            parts[index] = part.replace(r"\$", r"(?:\$|%24)")
    either = "".join(parts)
    for behind in ("(?<![A-Za-z0-9])", "(?<![0-9A-Za-z])"):  # %20 before a token ends in a digit
        either = either.replace(behind, rf"(?:{behind}|(?<=%[\dA-Fa-f]{{2}}))")
    return rf"(?P<kept>.*?)(?:-----BEGIN|{user_info}|{either})"


#: What nginx looks for, in this order, and whether case is of no matter.
CUTS = (("~*", _objects()), ("~*", _wide(_STEM)), ("~*", _pairs(_STEM)), ("~*", _commands()), ("~", _forms()))


def masking_conf() -> str:
    """Return the maps from what a client sent to `$log_path` and `$log_user_agent`, for the http block."""
    lines = [
        "# Made by `python docs/generate.py` from django_ops/record: do not edit. What the access log shows of a path",
        f"# and of a user agent: all up to the first secret, at most {LONGEST_FIELD} characters. No query string.",
    ]
    seen = rf"[\x21-\x3e\x40-\x7e]{{0,{_LOOKED_AT}}}"
    # as it was sent, whatever internal redirects made of it
    lines += _field("path", "$request_uri", rf"^(?P<kept>{seen})(?:[\x21-\x7e]|$)", '"(not ASCII)"')
    seen = rf"[\x20-\x7e]{{0,{_LOOKED_AT}}}"
    lines += _field("user_agent", "$http_user_agent", rf"^(?P<kept>{seen})(?:[\x20-\x7e]|$)", '"(not ASCII)"')
    return "\n".join(lines) + "\n"


def _field(name: str, source: str, first: str, default: str) -> Iterator[str]:
    yield from _map(name, 0, source, default, _entry("~", first))
    steps = [[_entry(kind, f"^{cut}", MASK)] for kind, cut in CUTS]
    # what only the project knows: written while the image was built
    steps += [
        [f"include @MASKING_DIRECTORY@/{of_project}*.conf;"]
        for of_project in ("keys", "routes")[: 1 + (name == "path")]
    ]
    for number, step in enumerate(steps, 1):
        yield from _map(name, number, f"${_step(name, number - 1)}", f"${_step(name, number - 1)}", *step)
    cut = _entry("~", rf"^(?P<kept>.{{0,{LONGEST_FIELD}}})")
    yield from ("", f"map ${_step(name, len(steps))} $log_{name} {{", f"    {cut}", "}")


def _step(name: str, number: int) -> str:
    return f"{name}_unmasked_{number}"


def _map(name: str, number: int, source: str, default: str, *entries: str) -> Iterator[str]:
    yield from ("", f"map {source} ${_step(name, number)} {{", f"    default {default};")
    yield from (f"    {entry}" for entry in entries)
    yield "}"


def _entry(kind: str, pattern: str, masked: str = "") -> str:
    """Return an entry of a map: `kind` is ~ or, where case is of no matter, ~*. nginx reads it before the next map."""
    quoted = pattern.replace("(?P<kept>", "(?P<masking_kept>").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{kind}{quoted}" "$masking_kept{masked}";'


def entries_of_keys(words: Iterable[str]) -> str:
    """Return the entry for further hidden words, as in OPS_LOG_HIDDEN_KEYS; "" where none is of ASCII."""
    stems = ["[^a-z0-9]{0,3}".join(split_words(word)) for word in words if word.isascii()]
    stem = "|".join(filter(None, stems))
    return "".join(_entry("~*", f"^{cut(f'(?:{stem})')}", MASK) + "\n" for cut in (_wide, _pairs) if stem)


def entries_of_routes(routes: Iterable[tuple[str, str]]) -> str:
    """Return an entry for each route with a hidden argument: the patterns of what is before it, and of the rest."""
    return "".join(_entry("~", f"^(?P<kept>{before})[^/].*{after}$", MASK) + "\n" for before, after in routes)

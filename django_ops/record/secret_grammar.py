"""The grammar of pairs in free text: keys, what separates them from their values, and the values.

A form is a grammar, not a case. Each sign may be written out or encoded: `"` is also %22, %2522, &quot; and more.
Each pattern takes time linear in the text: what repeats is bounded or possessive.
"""

from __future__ import annotations

import re

P = "%(?:25){0,2}"  # the percent sign of a text that was encoded up to three times
_BACKSLASH = rf"(?:\\|{P}5[cC]){{1,8}}"
_ENTITY = r"&(?:amp;)?(?:quot|apos|\#0?3[49]|\#x2[27]);"
QUOTE = rf"""(?:\\{{0,8}}["']|(?:{P}5[cC]){{0,8}}{P}2[27]|{_ENTITY}|{_BACKSLASH}u002[27])"""
OPEN_TAG = rf"(?:<|{P}3[cC]|&(?:amp;)?lt;|\\{{1,8}}u003[cC])"
CLOSE_TAG = rf"(?:>|{P}3[eE]|&(?:amp;)?gt;|\\{{1,8}}u003[eE])"
LINE_END = rf"(?:\r?\n|\\{{1,8}}r\\{{1,8}}n|{P}0[dD]{P}0[aA])"
# letters, digits, and the marks above and below letters; beyond ASCII also as encodings write them
SIGNS = r"\w\u0300-\u036f\u0900-\u0dff\u0e31-\u0e4e-"
_WORD = rf"(?:[{SIGNS}]|{P}[89a-fA-F][\da-fA-F]|{_BACKSLASH}(?:u(?!00[0-7])[\da-fA-F]{{4}}|x[89a-f][\da-f])){{2,128}}+"


def _key_pattern(
    start: str, word: str, quote: str, closer: str, subscript: str, separator: str, space: str
) -> re.Pattern[str]:
    """Return what finds the key of a pair and what separates it from its value.

    key=v  key: v  "key": "v"  'key', 'v'  key => v  [key]=v  (key)=(v)  key[]=v  --key v  key";s:9:"v
    In key "v", which is English as well, the separator is the group `space`.
    """
    return re.compile(
        rf"""{start}
        (?:--?(?P<option>[^\W\d_][{SIGNS}]{{1,128}}+){space}++(?![-=:])
        |-{{0,2}}(?P<key>{word})(?:{quote}|{closer}|{subscript}){{0,12}}+
          (?:{space}{{0,4}}+(?:[=-]>|<-|[?!]?[:=\uff1a\uff1d]=?{separator})
            (?:{space}{{0,64}}+(?!\s)|\s{{0,64}}+(?=(?:string\(\d{{1,9}}\)[ ])?[bBuUrR]{{0,2}}{quote}))
          |(?<=["']),[ ]{{0,4}}+(?=[\[(]?[bBuUrR]{{0,2}}\\{{0,8}}["'])
            (?!\\{{0,8}}["'][^"'\\]{{0,64}}\\{{0,8}}["'][ ]?[:=]) # but no key: ["password", "value": ...
          |;s:\d{{1,9}}:(?={quote})
          |(?P<space>[ ]{{1,4}}+)(?=\\{{0,8}}["'])))""",
        re.VERBOSE,
    )


KEY = _key_pattern(
    rf"(?<![{SIGNS}])(?P<before>)", rf"[{SIGNS}]{{2,128}}+", "[\"']", r"[\])]", r"\[\d{0,4}+(?=\])", "", r"[ \t]"
)
# in a text with signs of an encoding; apart, as it takes twice the time
ENCODED_KEY = _key_pattern(
    rf"(?:(?<![{SIGNS}])|(?=[%\\]))(?P<before>(?:\\{{1,8}}(?:[nrt]|u00[2-7][\da-f])|{P}(?!25)[2-7][\da-fA-F]){{0,4}}+)",
    _WORD,
    QUOTE,
    rf"\\(?!u003)|[\])]|{P}5[cCdD]",
    rf"(?:\[|{P}5[bB])\d{{0,4}}+(?=\]|{P}5[dD])",
    rf"|{P}3[dDaA]|\\{{1,8}}u003[aAdD]",
    rf"(?:[ \t]|{P}20)",
)
_QUOTED = rf"""(?P<long>["']{{3}}(?!["']))(?:(?!(?P=long)).)*+(?P=long)?
    |(?P<escaped>(?!["']){QUOTE})(?:(?!(?<!\\)(?<!%5[cC])(?<!%255[cC])(?P=escaped)).)*+(?P=escaped)?
    |"(?:[^"\\`]|[\\`].|"")*+(?:"|\Z|[\\`]\Z)|'(?:[^'\\]|\\.|''|'\\'')*+(?:'|\Z|\\\Z)"""
VALUE = re.compile(
    rf"""(?:string\(\d{{1,9}}\)[ ])?[bBuUrRfF]{{0,2}}(?P<quoted>{_QUOTED})
    |(?P<brackets>[\w.]{{0,80}}+[(\[{{])
    |(?P<scheme>(?i:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)[ ]+[^\s"'<>]+)
    |(?P<plain>[^\s&"'<>]+)""",
    re.VERBOSE | re.DOTALL,
)
#: The type between a key and its value: `password: str | None = "v"`.
ANNOTATION = re.compile(r"""[\w.\[\]]{1,64}+(?:[ ]\|[ ][\w.\[\]]{1,64}+){0,4}+[ ]=[ ](?=["'])""")
#: A bracket, or what one may stand in; }} before a letter is an escaped } of ODBC.
BRACKET = re.compile(rf"(?P<quoted>{_QUOTED}|}}}}(?=\w))|[(\[{{]|[)\]}}]", re.VERBOSE | re.DOTALL)

"""The forms in which a text may show a secret: how people and programs write a key and its value."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

#: Makes a text of a key and a value.
Render = Callable[[str, str], str]

_ESCAPES = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in '{}:"'})
_ODBC = str.maketrans({"}": "}}", "'": None, '"': None})


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _php(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _twice(text: str) -> str:
    return quote(quote(text, safe=""), safe="")


def _object(key: str, value: str) -> str:
    return json.dumps({"id": 7, key: value, "x": True}, ensure_ascii=False)


def _pair(key: str, value: str, names: tuple[str, str] = ("name", "value")) -> str:
    return json.dumps([{names[0]: "user", names[1]: "bob"}, {names[0]: key, names[1]: value}], ensure_ascii=False)


def _multipart(key: str, value: str, line_end: str = "\r\n") -> str:
    parts = [("user", "bob"), (key, value), ("x", "1")]
    return "".join(
        f'--frontier{line_end}Content-Disposition: form-data; name="{name}"{line_end}{line_end}{content}{line_end}'
        for name, content in parts
    )


#: Without quotes: the secret has no character that would end it.
UNQUOTED: dict[str, Render] = {
    "key=value": lambda key, value: f"login failed: {key}={value} for bob",
    "key = value": lambda key, value: f"{key} = {value}",
    "key: value": lambda key, value: f"{key}: {value}",
    "key : value": lambda key, value: f"login: {key} : {value}",
    "key := value": lambda key, value: f"{key} := {value}",
    "query": lambda key, value: f"/login?user=bob&{quote(key)}={quote(value)}&x=1",
    "query, first": lambda key, value: f"/login?{quote_plus(key)}={quote_plus(value)}",
    "query, brackets": lambda key, value: f"/login?user[{quote(key)}]={quote(value)}&x=1",
    "query, encoded brackets": lambda key, value: f"/login?user%5B{quote(key)}%5D={quote(value)}&x=1",
    "query, list": lambda key, value: f"/login?{quote(key)}[]={quote(value)}&x=1",
    "query, encoded list": lambda key, value: f"/login?{quote(key)}%5B0%5D={quote(value)}&x=1",
    "query within a query": lambda key, value: f"/go?next={quote(f'/login?{quote(key)}={quote(value)}', safe='')}&x=1",
    "query, encoded twice": lambda key, value: f"/go?next={_twice(f'/login?{key}={value}&x=1')}",
    "key = value, spaces encoded": lambda key, value: f"{quote(key)}%20=%20{value}",
    "option, spaces encoded": lambda key, value: f"login%20--{key}%20{value}%20--debug",
    "query, dotted": lambda key, value: f"/login?user.{quote(key)}={quote(value)}",
    "environment": lambda key, value: f"HOME=/root\nDB_{key.upper()}={value}\nLANG=C",
    "properties": lambda key, value: f"db.{key}={value}\ndb.user=app",
    "yaml": lambda key, value: f"user: bob\n{key}: {value}\nx: 1",
    "yaml, nested": lambda key, value: f"db:\n  user: bob\n  {key}: {value}\n",
    "yaml, list": lambda key, value: f"- user: bob\n- {key}: {value}",
    "yaml, name and value": lambda key, value: f"env:\n  - name: {key}\n    value: {value}\n  - name: x\n    value: 1",
    "xml element": lambda key, value: f"<login><user>bob</user><{key}>{value}</{key}></login>",
    "xml element, escaped": lambda key, value: escape(f"<user>bob</user><{key}>{value}</{key}>"),
    "xml element, encoded": lambda key, value: quote(f"<{key}>{value}</{key}>", safe=""),
    "xml, value in an element": lambda key, value: f'<resources><string name="{key}">{value}</string></resources>',
    "option": lambda key, value: f"mysql -u app --{key} {value} shop",
    "option=value": lambda key, value: f"mysql --{key}={value} shop",
    "option with one dash": lambda key, value: f"terraform apply -{key} {value} -x",
    "java option": lambda key, value: f"java -Ddb.{key}={value} -jar x.jar",
    "libpq": lambda key, value: f"host=db {key}={value} user=app",
    "jdbc": lambda key, value: f"jdbc:postgresql://db/shop?user=app&{key}={value}&ssl=true",
    "jdbc, semicolons": lambda key, value: f"jdbc:sqlserver://db;user=app;{key}={value};encrypt=true",
    "odbc": lambda key, value: f"Driver=x;Uid=app;{key}={value};",
    "go map": lambda key, value: f"map[user:bob {key}:{value} x:1]",
    "java map": lambda key, value: f"{{user=bob, {key}={value}, x=1}}",
    "print_r": lambda key, value: f"Array\n(\n    [user] => bob\n    [{key}] => {value}\n)",
    "multipart": _multipart,
    "multipart, repr": lambda key, value: repr(_multipart(key, value)),
    "multipart, repr of bytes": lambda key, value: repr(_multipart(key, value).encode()),
    "unquoted attribute": lambda key, value: f"<input name={key} value={value}>",
    "fragment": lambda key, value: f"/back#user=bob&{quote(key)}={quote(value)}",
    "arrow": lambda key, value: f"Map(user -> bob, {key} -> {value}, x -> 1)",
    "record": lambda key, value: f"User {{ Name = bob, {key} = {value}, X = 1 }}",
    "colon of east asia": lambda key, value: f"login {key}\uff1a{value} x",
}  # fmt: skip

#: With quotes, or escapes, or lines around the secret, which may hold whatever people put into passwords.
QUOTED: dict[str, Render] = {
    "json": _object,
    "json, ascii": lambda key, value: json.dumps({key: value}),
    "json, compact": lambda key, value: json.dumps({"x": 1, key: value, "y": 2}, separators=(",", ":")),
    "json, indented": lambda key, value: json.dumps({"x": 1, key: value}, indent=2, ensure_ascii=False),
    "json within json": lambda key, value: json.dumps({"body": _object(key, value)}, ensure_ascii=False),
    "json within json within json": lambda key, value: json.dumps({"a": json.dumps({"b": _object(key, value)})}),
    "json, encoded": lambda key, value: f"/hook?data={quote(_object(key, value))}&x=1",
    "json, encoded as a form": lambda key, value: f"data={quote_plus(_object(key, value))}&x=1",
    "json, encoded twice": lambda key, value: f"/hook?data={_twice(_object(key, value))}",
    "json, escaped for html": lambda key, value: f'<div data-x="{escape(_object(key, value))}">',
    "json, list of values": lambda key, value: json.dumps({key: [value, value]}, ensure_ascii=False),
    "name and value": _pair,
    "value before name": lambda key, value: json.dumps(
        [{"value": "bob", "name": "user"}, {"value": value, "name": key}], ensure_ascii=False
    ),
    "key and value": lambda key, value: _pair(key, value, ("key", "value")),
    "Name and Value": lambda key, value: _pair(key, value, ("Name", "Value")),
    "field and data": lambda key, value: _pair(key, value, ("field", "data")),
    "name and value, repr": lambda key, value: repr({"name": key, "value": value}),
    "name and value within json": lambda key, value: json.dumps({"body": _pair(key, value)}, ensure_ascii=False),
    "name and value, encoded": lambda key, value: f"/hook?data={quote(_pair(key, value))}",
    "name and value, indented": lambda key, value: json.dumps({"name": key, "value": value}, indent=4),
    "type of an input": lambda key, value: f'<input type="password" name="{key[:3]}x" value="{escape(value)}">',
    "dict": lambda key, value: repr({"user": "bob", key: value}),
    "dict of bytes": lambda key, value: repr({key.encode(): value.encode()}),
    "list of tuples": lambda key, value: repr([("user", "bob"), (key, value), ("x", 1)]),
    "list of lists": lambda key, value: repr([["user", "bob"], [key, value]]),
    "tuple with a list": lambda key, value: repr([(key, [value])]),
    "query dict": lambda key, value: f"<QueryDict: {({'user': ['bob'], key: [value]})!r}>",
    "dataclass": lambda key, value: f"User(name='bob', {key}={value!r}, x=1)",
    "keyword argument": lambda key, value: f'connect("db", {key}={_json(value)}, port=1)',
    "item": lambda key, value: f"settings[{key!r}] = {value!r}",
    "locals of a traceback": lambda key, value: f'  File "x.py", line 3, in f\n    {key} = {value!r}\n    x = 1',
    "triple quotes": lambda key, value: f'{key} = """\n{value.replace(chr(34), "")}\n"""',
    "yaml, quoted": lambda key, value: f"user: bob\n{key}: {_json(value)}\nx: 1",
    "yaml, single quotes": lambda key, value: f"{key}: '" + value.replace("'", "''") + "'\n",
    "yaml, block": lambda key, value: f"user: bob\n{key}: |\n  {value}\n  {value}\nx: 1",
    "yaml, folded": lambda key, value: f"db:\n  {key}: >-\n    {value}\n  user: app",
    "yaml, words": lambda key, value: f"user: bob\n{key}: {value.replace(chr(39), '').replace(chr(34), '')}\nx: 1",
    "toml": lambda key, value: f'[db]\nuser = "app"\n"{key}" = {_json(value)}\n',
    "ini": lambda key, value: f"[db]\nuser = app\n{key} = {value}\n",
    "env file": lambda key, value: f'USER="app"\n{key.upper()}={_json(value)}\n',
    "shell": lambda key, value: f"export {key.upper()}='" + value.replace("'", "'\\''") + "'",
    "powershell": lambda key, value: f'$env:{key.upper()} = "{value.replace(chr(34), chr(96) + chr(34))}"',
    "html input": lambda key, value: f'<input type="text" name="{key}" value="{escape(value)}">',
    "html input, value first": lambda key, value: f'<input value="{escape(value)}" id="x" name="{key}">',
    "html input, single quotes": lambda key, value: f"<input name='{key}' class='x' value='{escape(value)}'>",
    "html meta": lambda key, value: f'<meta name="{key}" content="{escape(value)}">',
    "html data": lambda key, value: f'<form data-{key}="{escape(value)}">',
    "textarea": lambda key, value: f'<textarea name="{key}" rows="3">{escape(value)}</textarea>',
    "html, escaped": lambda key, value: escape(f'<input name="{key}" value="{escape(value)}">'),
    "xml attribute": lambda key, value: f'<db user="app" {key}="{escape(value)}"/>',
    "xml, name and value": lambda key, value: f'<property name="{key}" value="{escape(value)}"/>',
    "xml, key and value": lambda key, value: f'<add key="{key}" value="{escape(value)}" />',
    "xml, two elements": lambda key, value: f"<p><name>{key}</name><value>{escape(value)}</value></p>",
    "xml, cdata": lambda key, value: f"<x><{key}><![CDATA[{value}]]></{key}></x>",
    "option, quoted": lambda key, value: f"mysql --{key} {_json(value)} shop",
    "option=value, quoted": lambda key, value: f"mysql --{key}={_php(value)} shop",
    "list of arguments": lambda key, value: repr(["mysql", f"--{key}", value, "shop"]),
    "libpq, quoted": lambda key, value: f"host=db {key}=" + _php(value) + " user=app",
    "odbc, braces": lambda key, value: f"Driver=x;{key}={{" + value.translate(_ODBC) + "};",
    "php array": lambda key, value: f"['user' => 'bob', '{key}' => {_php(value)}, 'x' => 1]",
    "php, name and value": lambda key, value: f"['name' => '{key}', 'value' => {_php(value)}]",
    "php variable": lambda key, value: f"${key} = {_php(value)};",
    "php var_dump": lambda key, value: f'array(1) {{\n  ["{key}"]=>\n  string({len(value)}) {_json(value)}\n}}',
    "php serialized": lambda key, value: f'a:1:{{s:{len(key)}:"{key}";s:{len(value)}:{_json(value)};}}',
    "ruby hash": lambda key, value: f'{{:user=>"bob", :{key}=>{_json(value)}}}',
    "ruby hash of strings": lambda key, value: f'{{"user"=>"bob", "{key}"=>{_json(value)}}}',
    "typescript": lambda key, value: f"let user = {{ {key}?: {_json(value)} }}",
    "type and value": lambda key, value: f"const {key}: string = {_json(value)};",
    "type and value of python": lambda key, value: f"    {key}: str | None = {value!r}",
    "assignment in r": lambda key, value: f"{key} <- {_json(value)}",
    "edn": lambda key, value: f'{{:user "bob" :db_{key} {_json(value)}}}',
    "directive": lambda key, value: f"proxy_set_header X-{key} {_json(value)};",
    "json patch": lambda key, value: f'[{{"op": "add", "path": "/{key}", "value": {_json(value)}}}]',
    "selector": lambda key, value: f'input[name="{key}"][value={_json(value)}]',
    "attribute of a trace": lambda key, value: f'{{"key": "db.{key}", "value": {{"stringValue": {_json(value)}}}}}',
    "property list": lambda key, value: f"<dict><key>{key}</key><string>{escape(value)}</string></dict>",
    "json of escapes": lambda key, value: f'{{"{key}":{_json(value)}}}'.translate(_ESCAPES),
    "javascript": lambda key, value: f"{{user: 'bob', {key}: {_php(value)}}}",
    "graphql": lambda key, value: f'mutation {{ login(user: "bob", {key}: {_json(value)}) {{ id }} }}',
    "rust": lambda key, value: f'User {{ name: "bob", {key}: Some({_json(value)}) }}',
    "sql assignment": lambda key, value: f"UPDATE users SET {key} = '" + value.replace("'", "''") + "' WHERE id = 7",
}  # fmt: skip

#: Forms with a key of their own, `KEY` where there is one to choose; the language is of no matter.
OWN_KEY: dict[str, Render] = {
    "digest": lambda key, value: f'Authorization: Digest username="bob", realm="x", nonce="n", response="{value}"',
    "digest, more lines": lambda key, value: f'Host: x\r\nAuthorization: Digest username="b", {key}="{value}"\r\nX: 1',
    "digest, json": lambda key, value: json.dumps({"Authorization": f'Digest username="b", response="{value}"'}),
    "digest, repr": lambda key, value: repr(f'Authorization: Digest username="b", response="{value}"'),
    "digest, curl": lambda key, value: f"curl -H 'Authorization: Digest username=\"b\", response=\"{value}\"' x",
    "digest, META": lambda key, value: repr({"HTTP_AUTHORIZATION": f'Digest username="b", response="{value}"'}),
    "digest, proxy": lambda key, value: f'Proxy-Authorization: Digest username="b", response="{value}"',
    "bearer": lambda key, value: f"Authorization: Bearer {value}",
    "bearer, encoded": lambda key, value: f"/x?h={quote(f'Bearer {value}')}",
    "aws": lambda key, value: f"Authorization: AWS4-HMAC-SHA256 Credential=A/2/s3, Signature={value}",
    "signature": lambda key, value: f'Signature: keyId="k",algorithm="hs",signature="{value}"',
    "cookie": lambda key, value: f"Cookie: theme=dark; a={value}",
    "cookie, quotes": lambda key, value: f'Cookie: theme="dark"; a="{value}"; x=1',
    "cookie, escaped quotes": lambda key, value: f'Cookie: theme="d\\"k"; a="{value}"',
    "cookie, json": lambda key, value: f'Cookie: prefs={{"a": "b"}}; a={value}',
    "cookie, repr": lambda key, value: repr({"Cookie": f'theme="dark"; a="{value}"'}),
    "cookie, list of lines": lambda key, value: json.dumps([f'Cookie: theme="dark"; a="{value}"', "Host: x"]),
    "cookie, wire": lambda key, value: repr(f"GET / HTTP/1.1\r\ncookie: a={value}\r\nhost: x\r\n"),
    "set-cookie": lambda key, value: f'Set-Cookie: a="{value}"; Path=/; HttpOnly',
    "set-cookie, lower case": lambda key, value: f"set-cookie: a={value}; expires=Wed, 21 Oct 2026 07:28:00 GMT",
    "user info": lambda key, value: f"postgres://app:{quote(value)}@db/shop",
    "user info, encoded": lambda key, value: f"/go?u={quote(f'https://app:{quote(value)}@host/x', safe='')}",
    "user info of curl": lambda key, value: f"curl -u bob:{value} https://host/",
    "user info of curl, long": lambda key, value: f"curl --user bob:{value} https://host/",
    "sql, password": lambda key, value: f"ALTER ROLE app WITH PASSWORD '{value}'",
    "sql, set password": lambda key, value: f"SET PASSWORD FOR 'bob'@'%' = '{value}'",
    "sql, set password of old": lambda key, value: f"SET PASSWORD = PASSWORD('{value}')",
    "sql, identified by": lambda key, value: f"CREATE USER 'bob'@'%' IDENTIFIED BY '{value}'",
    "sql, encrypted": lambda key, value: f"create role app encrypted password '{value}' login",
    "netrc": lambda key, value: f"machine host login bob password {value}",
    "words": lambda key, value: f"mot de passe : {value}",
    "signed by django": lambda key, value: f"/confirm/MQ:1rXyz2:{(value.replace('.', '-') + 'x' * 43)[:43]}/",
    "csrf meta": lambda key, value: f'<meta name="csrf-token" content="{value}">',
    "redis.conf": lambda key, value: f"requirepass {value}",
    "sshpass": lambda key, value: f"sshpass -p {value} ssh host",
    "redis": lambda key, value: f'AUTH "default" "{value}"',
}  # fmt: skip

"""What no honest client sends: values, names, headers and charsets that somebody has to refuse."""

from __future__ import annotations

#: For queries, forms, cookies, headers and the parts of a path.
VALUES = [
    b"", b"0", b"1", b"2", b"-1", b"1.5", b"0x10", b"1_0", b"+1", b" 1", b"1e400", b"nan", b"-inf", b"true", b"on",
    b"None",
    b"32768", b"2147483648", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"9" * 400,
    b"9" * 5000, "\N{ARABIC-INDIC DIGIT THREE}".encode(), "\N{SUPERSCRIPT TWO}".encode(),
    b"\x00", b"a\x00b", b"\x00" * 40, b"%00", b"\\000", b"\x1b[31m", b"\x7f", b"\r\n", b"a\nb", b"\t",
    b"\xff", b"\xfe\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80\xa8", b"\xe2\x80\xae",
    "\N{PILE OF POO}".encode(),
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}".encode(), "e\N{COMBINING ACUTE ACCENT}".encode() * 200,
    b"'", b'"', b'"\\000"', b'"\\377\\376"', b'"', b"`", b"\\", b"%", b"%s", b"%(a)s", b"{}", b"{0}", b"{{ 7 }}",
    b"$(id)",
    b"' OR 1=1 --", b"<script>", b"../../etc/passwd", b"..\\..\\", b"//evil.example", b"///", b"http://[::1",
    b"http://[x]/",
    b"https://evil.example/?next=/", b"javascript:alert(1)", b"\\\\evil.example", b"mailto:x",
    b"2024-02-30", b"9999-12-31", b"10000-01-01", b"0000-00-00", b"0001-01-01", b"2024-01-01T25:00:00Z", b"12:61",
    b"1969",
    b"[]", b"[1", b"{", b'{"a":', b"[" * 3000, b"null", b'"\\ud800"', b"a,b", b",", b"1,2,x", b"pk", b"id", b"-pk",
    b"-hostname",
    b"password", b"1.2", b"1.-2.x", b"99", b"-0", b"a__b__c", b"self", b"::", b"999.1.1.1", b"fe80::1%eth0",
    b"::ffff:1.2.3.4",
    b"x" * 300, b"x" * 9000, b"last", b"admin", b"localhost", b"auth", b"inventory", b"server",
]  # fmt: skip

#: Keys that the pages know, and those of the admin.
KEYS = [
    b"q", b"status", b"environment", b"data_centre", b"tag", b"sort", b"page", b"next", b"slow", b"p", b"o", b"e",
    b"ot",
    b"all", b"_facets", b"_popup", b"_to_field", b"_changelist_filters", b"_source_model", b"_saveasnew", b"_continue",
    b"term", b"app_label", b"model_name", b"field_name", b"id", b"id__exact", b"id__in", b"id__range", b"id__isnull",
    b"pk__gt",
    b"hostname__isnull", b"hostname__regex", b"hostname__iregex", b"status__exact", b"status__in", b"status__year",
    b"environment__id__exact", b"data_centre__id__exact", b"data_centre__id__in", b"tags__id__exact", b"tags__isnull",
    b"commissioned_on", b"commissioned_on__year", b"commissioned_on__month", b"commissioned_on__day",
    b"commissioned_on__gte", b"commissioned_on__range", b"commissioned_on__lt", b"date_joined__year", b"address__exact",
    b"address__contained_by", b"user__password__startswith", b"password", b"password__startswith", b"is_staff__exact",
    b"is_superuser__exact", b"groups__id__exact", b"computed_at__date", b"content__a__b", b"content__contains", b"__",
    b"",
    b"a__b__c", b"tags", b"notes", b"username", b"name", b"action", b"index", b"select_across", b"_selected_action",
    b"language", b"format", b"csrfmiddlewaretoken", b"_method", b"form-TOTAL_FORMS", b"form-INITIAL_FORMS", b"\x00",
    b"\xff",
]  # fmt: skip

#: Names of headers, and values beside those above.
HEADERS: dict[bytes, list[bytes]] = {
    b"Accept": [b"*/*;q=nan", b"text/html;" * 500, b"application/json", b"a/b/c"],
    b"Accept-Encoding": [b"gzip;q=x", b"identity;q=0, *;q=0", b"gzip," * 500],
    b"Accept-Language": [b"de-" * 200, b"xx;q=" + b"9" * 5000, b"-" * 500, b"en;q=1e400", b"*", b"zh-hans-" * 100],
    b"Accept-Charset": [b"utf-16", b"rot13"],
    b"Authorization": [b"Basic", b"Basic \xff", b"Basic OjpcMA==", b"Bearer", b"Bearer \xff", b'Digest username="a\\"'],
    b"Connection": [b"close, X-Forwarded-For", b"upgrade"],
    b"Content-Encoding": [b"gzip", b"br, deflate"],
    b"Content-Length": [b"0", b"1", b"-1", b"99999", b"9" * 30, b"1_0", b"+1", b"0x1", b"1, 2", b"\xb2"],
    b"Expect": [b"100-continue", b"200-ok"],
    b"Forwarded": [b'for="[::1]:x"', b"for=unknown"],
    b"Host": [b"", b"localhost:99999999", b"localhost:", b"[::1", b"evil.example", b"localhost\x00", b"l\xc3\xbc"],
    b"If-Match": [b'W/"\\"', b'"' * 999],
    b"If-Modified-Since": [b"Mon, 00 Xxx 0000 99:99:99 GMT", b"Thu, 01 Jan 99999 00:00:00 GMT"],
    b"If-None-Match": [b"*", b'"a' * 999],
    b"If-Unmodified-Since": [b"x", b"Tue, 31-Dec-99 25:00:00 GMT"],
    b"Origin": [b"null", b"http://[::1", b"http://", b"https://evil.example:x"],
    b"Range": [b"bytes=0-", b"bytes=-1", b"bytes=5-2", b"bytes=" + b"0-1," * 300, b"x=1", b"bytes=\xb2-"],
    b"Referer": [b"http://[::1/", b"//", b"http://localhost:x/"],
    b"Sec-WebSocket-Key": [b"x"],
    b"Transfer-Encoding": [b"chunked", b"identity", b"gzip, chunked", b"\x0bchunked"],
    b"Upgrade": [b"websocket", b"h2c"],
    b"User-Agent": [b"x" * 5000, b"\xff\xfe"],
    b"X-CSRFToken": [b"x" * 64, b"\xff"],
    b"X-Forwarded-For": [b"unknown", b"1.2.3.4," * 300, b"[::1"],
    b"X-Forwarded-Host": [b"a,b", b"\xff"],
    b"X-Forwarded-Proto": [b"https", b"gopher"],
    b"X-HTTP-Method-Override": [b"DELETE"],
    b"X-Original-URI": [b"/ops/flower/%00", b"//", b"\xff"],
    b"X-Original-Method": [b"G T", b"POST"],
    b"X-Request-ID": [b"a\x00", b"x" * 65],
    b"X-Request-Start": [b"t=nan", b"t=1e400", b"9" * 999],
    b"X-Requested-With": [b"XMLHttpRequest"],
    b"traceparent": [b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00", b"\xff" * 55],
    b"x_y": [b"underscore"],
}  # fmt: skip

COOKIES = [b"sessionid", b"csrftoken", b"messages", b"django_language", b"", b"a b", b"\xff"]

CHARSETS = [
    b"utf-8", b"latin-1", b"ascii", b"utf-16", b"utf-16-le", b"utf-32", b"utf-7", b"utf-8-sig", b"UTF8\x00", b"idna",
    b"punycode", b"unicode_escape", b"raw_unicode_escape", b"rot13", b"zlib", b"bz2", b"base64", b"hex", b"quopri",
    b"uu",
    b"undefined", b"mbcs", b"oem", b"cp037", b"cp500", b"charmap", b"hz", b"iso2022_jp", b"big5", b"shift_jis",
    b"johab",
    b"none", b"", b"x" * 400, b"\xff", b"../utf_8", b'"utf-8', b"utf-8; charset=utf-16", b"utf 8", b"1",
]  # fmt: skip

CONTENT_TYPES = [
    b"application/json", b"text/plain", b"text/xml", b"application/octet-stream", b"", b"/", b"a", b";", b"\xff",
    b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 400,
    b"multipart/form-data; boundary=\xff", b"multipart/form-data; boundary*=utf-16''%ff%fe",
    b"multipart/mixed; boundary=boundary", b"application/x-www-form-urlencoded; charset*=rot13'en'x",
    b"a/b; x*=none''%ff", b"a/b; charset*=idna''%ff", b"text/html; x*0*=utf-8''a; x*2=b",
]  # fmt: skip

_PART = b'--boundary\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\nx\r\n'
BODIES = [
    b"\x00" * 50, b"\xff" * 50, b"{", b"[" * 5000, b"a=%", b"a=%00&%00=%ff", b"&" * 900, b"=&=", b"a=1&" * 1500,
    b"0\r\n\r\n",
    b"5\r\nhello\r\nzz", b"<!DOCTYPE x>", b"--boundary", b"--boundary--", b"--boundary\r\n\r\n",
    b"--boundary\r\n" * 200,
    _PART % (b"a", b'; filename="x"'), _PART % (b"\x00", b'; filename="\x00"'), _PART % (b"a",
    b"; filename*=rot13''%ff"),
    _PART % (b"a", b"; filename*=utf-16''%ff%fe%00"), _PART % (b"\xff", b'; filename="../../x"'), _PART % (b"a",
    b"; filename*=x"),
    _PART % (b"a", b"\r\nContent-Transfer-Encoding: base64") + b"--boundary--", _PART % (b"a",
    b"") * 1500 + b"--boundary--",
    _PART % (b"a", b'; filename="f"\r\nContent-Type: text/plain; charset=rot13') + b"--boundary--",
    _PART % (b"a", b'; filename="f"\r\nContent-Type: text/plain; charset=utf-16') + b"--boundary--",
    _PART % (b"a", b'; filename="f"\r\nContent-Length: x') + b"--boundary--",
]  # fmt: skip

METHODS = [
    b"HEAD",
    b"OPTIONS",
    b"PUT",
    b"PATCH",
    b"DELETE",
    b"TRACE",
    b"CONNECT",
    b"PROPFIND",
    b"X" * 300,
    b"get",
    b"G\xffT",
]

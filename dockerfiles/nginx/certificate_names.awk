# Prints the names that a certificate is for, one a line: DNS names and IPv4 addresses of its subjectAltName (RFC 5280,
# 4.2.1.6). Reads its bytes as `od -An -v -tx1` writes them. For the image has no openssl.
BEGIN { for (i = 0; i < 256; i++) value_of[sprintf("%02x", i)] = i }
{ for (i = 1; i <= NF; i++) bytes[++count] = value_of[$i] }
END {
    for (at = 1; at < count; at++) # the object identifier 2.5.29.17
        if (bytes[at] == 6 && bytes[at + 1] == 3 && bytes[at + 2] == 85 && bytes[at + 3] == 29 && bytes[at + 4] == 17) break
    at += 5
    if (bytes[at] == 1) at += 3 # that it is critical
    enter() # an octet string ...
    end = enter() # ... with a sequence of names
    while (at < end && at < count) {
        tag = bytes[at]
        last = enter() - 1
        name = ""
        if (tag == 130) while (at <= last) name = name sprintf("%c", bytes[at++])
        if (tag == 135 && last == at + 3) name = bytes[at] "." bytes[at + 1] "." bytes[at + 2] "." bytes[at + 3]
        if (name) print name
        at = last + 1
    }
}
# Goes to the contents of what stands here, and returns where they end.
function enter(    length_bytes, size) {
    size = bytes[at + 1]
    at += 2
    if (size > 127) {
        length_bytes = size - 128
        for (size = 0; length_bytes > 0; length_bytes--) size = size * 256 + bytes[at++]
    }
    return at + size
}

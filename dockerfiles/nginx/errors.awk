# Passes on what nginx says, without what clients sent. nginx cannot format its error log: a line about a request ends in
# its path, query, Host and Referer as they came, and what it quotes before that may be a client's as well.
# What is left is the time, what happened, and whom it happened to; the rest is in the access log, masked.
{
    line = $0
    gsub(/[^ -~]/, "?", line) # nothing that a terminal would obey
    ours = line ~ /^([0-9][0-9][0-9][0-9]\/[0-9][0-9]\/[0-9][0-9] [0-9:]+ \[[a-z]+\] [0-9]+#[0-9]+: |nginx: )/
    if (ours && line !~ /^[0-9\/]+ [0-9:]+ \[[a-z]+\] [0-9#]+: \*[0-9]/) {
        print line # about no connection: the configuration, processes
    } else {
        client = ""
        if (at = index(line, ", client: ")) {
            match(substr(line, at + 10), /^[0-9A-Fa-f.:]*/)
            client = substr(line, at, 10 + RLENGTH)
            line = substr(line, 1, at - 1)
        }
        # a file of nginx's own that is full or missing is worth its name
        if (line !~ /^[^"]*"[a-z\/]*\/0[0-9]+" failed [^"]*$/ && !sub(/".*"/, "\"...\"", line)) sub(/".*/, "\"...\"", line)
        print line client
    }
    fflush()
}

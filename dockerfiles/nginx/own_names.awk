# Writes names of the site, one a line, as lines of a map of nginx's: a name to itself, whatever is none of them to the first.
# ".example.com" is Django's word for the name and all below it; "*" and addresses of IPv6 are left out.
{
    name = tolower($1)
    if (sub(/^\./, "", name)) {
        keep(name)
        name = "*." name
    }
    keep(name)
}
function keep(name) {
    if (name !~ /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/ || name in kept) return
    kept[name]
    if (name !~ /^\*/ && !default_is_set++) printf " default %s;", name
    printf " %s $host;", name
}

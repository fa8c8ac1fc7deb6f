"""What an image's files say of its packages: Debian's, Alpine's, Python's, and a base without a package manager."""

import io
import tarfile

from supply.image import Part, read_files

DEBIAN = """\
Package: openssl
Status: install ok installed
Architecture: amd64
Version: 3.5.1-1+deb13u1
Description: it encrypts
 Package: not-one

Package: left-behind
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: gone
Status: purge ok not-installed
Architecture: amd64
Version: 1
"""
DISTROLESS = "Package: tzdata\nVersion: 2026a-0+deb12u1\nArchitecture: all\n"
ALPINE = "C:Q1abc=\nP:musl\nV:1.2.5-r10\nA:x86_64\n\nC:Q1def=\nP:zlib\nV:1.3.1-r2\nA:x86_64\n\n"
METADATA = "Metadata-Version: 2.4\nName: Typing_Extensions\nVersion: 4.16.0\n\nName: not-this\n"


def archive(**files):
    """Return a file system as an archive; in names, `__` stands for a slash, and a link stands beside the files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            made.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("etc/os-release")
        link.type, link.linkname = tarfile.SYMTYPE, "../usr/lib/os-release"
        made.addfile(link)
    out.seek(0)
    return out


def test_debian__has_what_is_installed_only():
    files = {"var/lib/dpkg/status": DEBIAN, "usr/lib/os-release": 'NAME="Debian"\nID=debian\nVERSION_ID="13"\n'}
    found = {Part("deb", "openssl", "3.5.1-1+deb13u1", "amd64")}
    assert read_files(archive(**files)) == (("debian", "13"), found)


def test_distroless__has_a_file_for_each_package():
    files = {"var/lib/dpkg/status.d/tzdata": DISTROLESS, "var/lib/dpkg/status.d/tzdata.md5sums": "0 a: b"}
    assert read_files(archive(**files))[1] == {Part("deb", "tzdata", "2026a-0+deb12u1", "all")}


def test_alpine__has_its_packages():
    found = read_files(archive(**{"lib/apk/db/installed": ALPINE}))[1]
    assert found == {Part("apk", "musl", "1.2.5-r10", "x86_64"), Part("apk", "zlib", "1.3.1-r2", "x86_64")}


def test_python__is_found_in_any_folder_under_its_usual_name():
    path = "opt/venv/lib/python3.13/site-packages/typing_extensions-4.16.0.dist-info/METADATA"
    assert read_files(archive(**{path: METADATA}))[1] == {Part("pypi", "typing-extensions", "4.16.0")}


def test_no_package__is_no_part():
    assert read_files(archive(**{"bin/program": "\x00"})) == (("", ""), set())

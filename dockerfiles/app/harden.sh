#!/bin/sh
# Takes from a base image what a running site never needs and an intruder would like, and adds the site's user.
set -eu
# the installer, and the copy of it that venv brings along
find / -xdev \( -path '*/bin/pip' -o -path '*/bin/pip3*' -o -path '*/bin/pip2*' \) -delete
find / -xdev -type d -path '*/python3*' \( -name pip -o -name 'pip-*-info' -o -name ensurepip \) -prune -exec rm -rf {} +
# programs that run as another user than the one who starts them
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
echo 'site:x:10001:10001:the site:/tmp:/usr/sbin/nologin' >>/etc/passwd
echo 'site:x:10001:' >>/etc/group
# what a new volume takes its owner from; the worker is in the group, and may write media as well
install -d -o 10001 -g 10001 -m 0750 /var/log/django /var/lib/flower
install -d -o 10001 -g 10001 -m 2770 /srv/media

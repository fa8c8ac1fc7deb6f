# The edge: nginx with its configuration, its pages, and the site's static files.
#
#   docker build -f dockerfiles/nginx.Dockerfile -t django-ops/nginx:local .
#
# Takes the same build arguments as app.Dockerfile, whose first lines it repeats: a test compares them, and the builder
# does each step once. Only what Alpine's and Debian's nginx share is used.

ARG NGINX_IMAGE=nginxinc/nginx-unprivileged:1.30.4-alpine3.24-slim
# === the same lines in app.Dockerfile and nginx.Dockerfile, from here ===
ARG PYTHON_IMAGE=python:3.13.15-slim-trixie
# The folder with manage.py, inside of this repository; empty for the reference project.
ARG PROJECT=

FROM ${PYTHON_IMAGE} AS dependencies
# Debian packages that building a dependency takes, such as "gcc libpq-dev"; they stay out of the image.
ARG BUILD_PACKAGES=
# They are the project's choice, and so are their versions.
# hadolint ignore=DL3008
RUN if [ -n "$BUILD_PACKAGES" ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends $BUILD_PACKAGES; fi
COPY requirements/stack.txt /tmp/stack.txt
# Where everything is pinned by hash, pip has no dependencies to look for: pip before 23.3 would ask for the newest
# `redis` where something needs `redis[x]`. That none is missing is what `pip check` says.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv && \
    pip --python /opt/venv/bin/python install --quiet --no-compile --disable-pip-version-check --root-user-action=ignore \
        --no-deps --require-hashes --only-binary=:all: -r /tmp/stack.txt && \
    pip --python /opt/venv/bin/python check && \
    /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
# A project's own requirements come second, so their versions win.
ARG REQUIREMENTS=requirements/stack.txt
COPY ${REQUIREMENTS} /tmp/project.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    cmp -s /tmp/stack.txt /tmp/project.txt || { \
    hashed=$(grep -l -e --hash= /tmp/project.txt); \
    pip --python /opt/venv/bin/python install --quiet --no-compile --disable-pip-version-check --root-user-action=ignore \
        ${hashed:+--no-deps} -r /tmp/project.txt && \
    pip --python /opt/venv/bin/python check && \
    /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib; }

FROM ${PYTHON_IMAGE} AS base
# Debian packages that the project needs at run time, such as "libpango-1.0-0".
ARG SYSTEM_PACKAGES=
# hadolint ignore=DL3008
RUN if [ -n "$SYSTEM_PACKAGES" ]; then \
        apt-get update -qq && apt-get install -y -qq --no-install-recommends $SYSTEM_PACKAGES && \
        rm -rf /var/lib/apt/lists/*; \
    fi
COPY dockerfiles/app/harden.sh /tmp/harden.sh
RUN sh /tmp/harden.sh && rm /tmp/harden.sh
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/django-ops \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=dependencies /opt/venv /opt/venv

# One of these two is the project: the given one where PROJECT names it.
FROM scratch AS project
COPY manage.py /
FROM scratch AS project-given
ARG PROJECT
COPY ${PROJECT} /
# hadolint ignore=DL3006
FROM project${PROJECT:+-given} AS chosen

FROM base AS site
ARG SETTINGS=stack.config.settings
# The module with the Celery application; empty where it is the package that the settings are in.
ARG CELERY_APP=
ENV DJANGO_SETTINGS_MODULE=${SETTINGS} \
    CELERY_APP=${CELERY_APP} \
    DJANGO_STATIC_ROOT=/srv/static
WORKDIR /app
COPY dockerfiles/app /opt/django-ops/app
COPY django_ops /opt/django-ops/django_ops
COPY stack /opt/django-ops/stack
COPY --from=chosen / /app
# Fails where the project's checks do: `check --deploy --fail-level WARNING`, and every import that a start begins with.
RUN --mount=type=tmpfs,target=/tmp DJANGO_VAR_DIR=/tmp/var python /opt/django-ops/app/prepare.py site
# === to here ===

FROM site AS www
RUN --mount=type=tmpfs,target=/tmp DJANGO_VAR_DIR=/tmp/var OPS_GATE_MODE=nginx \
    python /opt/django-ops/app/prepare.py www /srv/www

FROM ${NGINX_IMAGE} AS nginx
USER 0:0
# its files come from a volume; the image's own are links to the container's output
RUN rm -rf /var/log/nginx && mkdir /var/log/nginx && chown 101:101 /var/log/nginx && \
    find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY dockerfiles/nginx /etc/django-ops
RUN chmod -R a=rX /etc/django-ops
COPY --from=www /srv/www /srv/www
ARG VERSION=local
LABEL org.opencontainers.image.title="django-ops nginx" \
    org.opencontainers.image.version=${VERSION}
USER 101:101
EXPOSE 8080 8443
# nginx finishes what it has begun, and then ends
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/livez"]
ENTRYPOINT ["sh", "/etc/django-ops/entrypoint.sh"]
CMD []

# What runs once before the stores and beside them: their secrets, and Elasticsearch's set-up.
#
#   docker build -f dockerfiles/provision.Dockerfile -t django-ops/provision:2 .
#
# An image of its own, with no version of the site in its name: Compose replaces whoever depends on a container that is
# replaced, so with the application's image each change of code would restart PostgreSQL and everything else.

ARG PYTHON_IMAGE=python:3.13.15-slim-trixie
FROM ${PYTHON_IMAGE} AS packages
COPY requirements/stack.txt /tmp/stack.txt
# the lines of bcrypt, with its hashes
RUN --mount=type=cache,target=/root/.cache/pip \
    sed -n '/^bcrypt==/,/^[^ ]*==/{/^bcrypt==/p;/--hash/p}' /tmp/stack.txt >/tmp/bcrypt.txt && \
    pip install --quiet --no-compile --disable-pip-version-check --root-user-action=ignore --no-deps \
        --require-hashes --only-binary=:all: --target /opt/packages -r /tmp/bcrypt.txt

FROM ${PYTHON_IMAGE} AS provision
COPY dockerfiles/app/harden.sh /tmp/harden.sh
RUN sh /tmp/harden.sh && rm /tmp/harden.sh
ENV PYTHONPATH=/opt/django-ops:/opt/packages \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=packages /opt/packages /opt/packages
COPY stack/__init__.py /opt/django-ops/stack/
COPY stack/provision/__init__.py /opt/django-ops/stack/provision/
COPY stack/provision/secrets /opt/django-ops/stack/provision/secrets
RUN chmod -R a=rX /opt/django-ops /opt/packages && \
    python -c "import bcrypt, stack.provision.secrets.__main__"
LABEL org.opencontainers.image.title="django-ops provision"
USER 10001:10001
ENTRYPOINT ["python", "-m", "stack.provision.secrets"]
CMD ["ensure"]

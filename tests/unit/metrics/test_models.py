import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db.models.signals import post_delete
from django.test import override_settings
from django_prometheus.models import ExportModelOperationsMixin

from django_ops.metrics import models
from tests.unit.metrics.observed import labels_of, value


class Staff(User):
    """A proxy: it saves to the table of users."""

    class Meta:
        proxy = True
        app_label = "auth"


@pytest.fixture
def count(settings):
    """Count the models with these names."""

    def count(*names: str) -> None:
        settings.OPS_METRICS_MODELS = list(names)
        models.install()

    yield count
    models.uninstall()


def counted(model: str) -> tuple[float | None, ...]:
    """Return how often rows were inserted, updated and deleted."""
    return tuple(value(f"django_model_{what}_total", model=model) for what in ("inserts", "updates", "deletes"))


@pytest.mark.django_db
def test_save_and_delete__are_counted(count):
    count("auth.Group")
    group = Group.objects.create(name="a")
    group.save()
    group.save()
    group.delete()
    assert counted("auth.group") == (1.0, 2.0, 1.0)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["auth.Group", "auth.group", "AUTH.GROUP", "*"])
def test_name__may_be_written_in_any_case(count, name):
    count(name)
    Group.objects.create(name="a")
    assert value("django_model_inserts_total", model="auth.group") == 1.0


@pytest.mark.django_db
def test_names__can_be_overridden():
    with override_settings(OPS_METRICS_MODELS=["auth.Group"]):
        Group.objects.create(name="a")
    Group.objects.create(name="b")
    assert counted("auth.group") == (1.0, None, None)


@pytest.mark.django_db
def test_model_that_is_not_named__is_not_counted(count):
    count("auth.User")
    Group.objects.create(name="a")
    assert labels_of("django_model_inserts_total", "model") == set()


@pytest.mark.django_db
def test_proxy__counts_as_its_model(count):
    count("auth.User")
    Staff.objects.create(username="ann")
    assert labels_of("django_model_inserts_total", "model") == {"auth.user"}


@pytest.mark.django_db
def test_row_with_a_key_of_its_own__is_one_insert(count):
    """django-prometheus counts the UPDATE that Django tries first as well."""
    count("auth.Group")
    Group(pk=7, name="a").save(force_insert=False)
    assert counted("auth.group") == (1.0, None, None)


@pytest.mark.django_db
def test_query_set_delete__of_a_named_model_counts_each_row(count):
    count("auth.Group")
    Group.objects.bulk_create([Group(name="a"), Group(name="b")])
    Group.objects.all().delete()
    assert value("django_model_deletes_total", model="auth.group") == 2.0


@pytest.mark.django_db
def test_query_set_delete__of_another_model_stays_one_statement(count, django_assert_num_queries):
    """A listener for every model would have Django fetch each row before it deletes it."""
    count("auth.Group")
    with django_assert_num_queries(1):
        Session.objects.all().delete()


@pytest.mark.django_db
def test_fixture_rows__are_inserts(count):
    count("auth.Group")
    Group(pk=7, name="a").save_base(raw=True)
    assert value("django_model_inserts_total", model="auth.group") == 1.0


@pytest.mark.django_db
def test_install__twice_counts_once(count):
    count("auth.Group")
    count("auth.Group")
    Group.objects.create(name="a")
    assert value("django_model_inserts_total", model="auth.group") == 1.0


def test_model_with_the_mixin_of_django_prometheus__counts_itself_alone(count, monkeypatch):
    mixed = type("Mixed", (ExportModelOperationsMixin("group"),), {"_meta": Group._meta})
    monkeypatch.setattr(models.apps, "get_models", lambda: [mixed])
    count("auth.Group", "*")
    assert models._connected == set()


def test_uninstall__leaves_no_listener(count):
    count("*")
    models.uninstall()
    assert not post_delete.has_listeners(Session)


def test_model_that_does_not_exist__is_no_error(count):
    count("shop.NoSuchModel")

"""The Django app of the password history, with the label `ops_passwords`."""

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.db.models.signals import pre_save

from django_ops.patches import patch


class PasswordsConfig(AppConfig):
    """Adds the history's tables, and notices which password a saved user gives up."""

    name = "django_ops.passwords"
    label = "ops_passwords"
    verbose_name = "Password history"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the user model, its proxies and its children only: other models save at the old speed."""
        from django.contrib.auth.base_user import AbstractBaseUser

        from django_ops.passwords.saving import as_a_whole, before_save

        patch(AbstractBaseUser, "save", as_a_whole)
        user_model = get_user_model()
        for model in apps.get_models():
            if issubclass(model, user_model):
                pre_save.connect(before_save, sender=model, dispatch_uid="django_ops.passwords.before_save")

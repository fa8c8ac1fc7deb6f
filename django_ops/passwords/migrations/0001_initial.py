import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PasswordHistory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("changed_at", models.DateTimeField()),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "password history",
                "verbose_name_plural": "password histories",
            },
        ),
        migrations.CreateModel(
            name="PasswordEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("encoded", models.CharField(max_length=255)),
                ("key_id", models.CharField(max_length=16)),
                ("seal", models.CharField(blank=True, max_length=64)),
                ("inherited", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                (
                    "history",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entries",
                        to="ops_passwords.passwordhistory",
                    ),
                ),
            ],
            options={
                "verbose_name": "password entry",
                "verbose_name_plural": "password entries",
                "ordering": ["-pk"],
            },
        ),
    ]

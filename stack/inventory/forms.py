"""The inventory's forms."""

from __future__ import annotations

from django import forms

from stack.inventory.models import DataCentre, Environment, Server, ServerQuerySet, Tag

SORTS = {
    "hostname": "Hostname",
    "-updated_at": "Last changed",
    "-cpu_cores": "CPU cores",
    "-memory_gib": "Memory",
}


class ServerFilterForm(forms.Form):
    """Which servers to show, and in which order; a value that makes no sense filters nothing."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Hostname, address, notes"}),
    )
    status = forms.ChoiceField(required=False, choices=[("", "Any"), *Server.Status.choices])
    environment = forms.ModelChoiceField(
        Environment.objects.all(), required=False, to_field_name="slug", empty_label="Any"
    )
    data_centre = forms.ModelChoiceField(
        DataCentre.objects.all(), required=False, to_field_name="code", empty_label="Any"
    )
    tag = forms.ModelChoiceField(Tag.objects.all(), required=False, to_field_name="name", empty_label="Any")
    sort = forms.ChoiceField(required=False, choices=list(SORTS.items()), label="Order")

    def select(self, servers: ServerQuerySet) -> ServerQuerySet:
        """Return those of `servers` that the form asks for, in its order."""
        self.is_valid()
        wanted = self.cleaned_data
        for name, lookup in (
            ("status", "status"),
            ("environment", "environment"),
            ("data_centre", "data_centre"),
            ("tag", "tags"),
        ):
            if wanted.get(name):
                servers = servers.filter(**{lookup: wanted[name]})
        # the hostname as well: pages need an order without ties
        return servers.search(wanted.get("q") or "").order_by(wanted.get("sort") or "hostname", "hostname")


class ServerForm(forms.ModelForm):
    """Creates and changes a server."""

    class Meta:
        model = Server
        fields = [
            "hostname", "address", "data_centre", "environment", "status", "operating_system",
            "cpu_cores", "memory_gib", "disk_gib", "commissioned_on", "retired_on", "tags", "notes",
        ]  # fmt: skip
        widgets = {
            "commissioned_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "retired_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "tags": forms.CheckboxSelectMultiple,
            "notes": forms.Textarea(attrs={"rows": 4}),
        }

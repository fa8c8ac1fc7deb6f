"""A fake of Filebeat, named so: it reads our filebeat.yml, refuses what it does not know, and ships as that says.

Like Filebeat it tails files known by a fingerprint, keeps how far it came in a registry, creates documents in bulk with
stable ids, and goes on only when Elasticsearch has answered for a line. What it lacks: everything else.
"""

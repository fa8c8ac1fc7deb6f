"""A fake of Kibana, named so: it refuses settings that it does not know, lets in whom Elasticsearch knows, and keeps
the saved objects that set-up sends. It shows nothing to people.
"""

"""An app that makes a metric where its models are."""

"""The gate: internal UIs such as Flower, Grafana or Prometheus, for those whom Django lets in and for nobody else."""

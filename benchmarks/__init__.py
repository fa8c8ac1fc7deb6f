"""What a request, a scrape and a password validation cost, beside the peers. See docs/benchmarks.md."""

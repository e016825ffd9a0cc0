"""For tests: contract suites for adapters, an inline engine, a clock to set by hand."""

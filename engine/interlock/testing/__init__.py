"""For tests: contract suites for adapters, an inline engine, and clocks to move."""

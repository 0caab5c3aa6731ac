"""The report: what stands in the results folders, as one page and as tables to take along."""

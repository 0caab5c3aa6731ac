"""The suite measures itself, beside what people use today: `bench.py speed`."""

"""The typed API of all processes in one place: values, the route table, clients. It holds no key and no store."""

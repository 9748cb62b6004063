"""The program: thin Prefect flows over lamini and warehouse, their services, the command line."""

"""The work on Ray: the training job, here or on a cluster, and tasks over parts of tables."""

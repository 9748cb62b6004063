"""What is known of a checkpoint: recall with its cause, and that nothing else was touched.

Others take `measure_recall` (recall), `compare_banks` and `compare_logits` (untouched).
"""

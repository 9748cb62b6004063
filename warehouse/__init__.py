"""The warehouse: claims in, facts out, every decision with its reason, published as Parquet."""

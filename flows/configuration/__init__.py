"""Settings: what there is, where their values come from, how they are shown."""

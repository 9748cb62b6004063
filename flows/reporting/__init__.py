"""What a run leaves for people: report, plots, heat maps, the history of each fact."""

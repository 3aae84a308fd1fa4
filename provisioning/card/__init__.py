"""Before a card keeps anything: whether it is as large as it says."""

"""From the outside in: deliveries, polls and complete listings become changes of records."""

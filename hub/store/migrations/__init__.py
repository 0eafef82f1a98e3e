"""How a database comes from one version of the schema to the next.

`versions/` holds the steps, written out: what a step does never changes once it was released.
After changing a table, a choice or a series of numbers, write the next step with

    python -m hub.store.migrations.draft "what changed"
"""

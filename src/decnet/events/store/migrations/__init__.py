"""Revisions of the store's tables (Alembic), each as it was when it was released."""

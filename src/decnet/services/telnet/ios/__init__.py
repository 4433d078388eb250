"""``device = cisco``: a router that speaks as IOS does."""

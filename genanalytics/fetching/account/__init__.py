"""The endpoints of the account, which need a management key."""

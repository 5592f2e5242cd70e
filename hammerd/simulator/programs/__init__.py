"""The programs beside hammer: each reads its words and calls one function of `admin`."""

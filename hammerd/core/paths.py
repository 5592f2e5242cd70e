"""Where things are when nobody says otherwise; apart, so that asking for them costs nothing."""

CONFIG = "/usr/local/etc/hammerd.toml"
SAMPLE = f"{CONFIG}.sample"
RUN_DIR = "/var/run/hammerd"
STATE_DIR = "/var/db/hammerd"

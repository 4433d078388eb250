"""What every test stands on: a developer's environment, and nobody else's."""

import os
import signal

os.environ["DECNET_DEVELOPER"] = "true"
os.environ["DECNET_DEVELOPER_TRACING"] = "false"
os.environ["DECNET_DB_TYPE"] = "sqlite"
for name in (
    "DECNET_DB_URL",
    "DECNET_ENV",
    "DECNET_KEEP",
    "DECNET_KEEP_SIZE",
    "DECNET_PROFILE_REQUESTS",
    "DECNET_STATE_DIR",
    "DECNET_RUN_DIR",
    "NO_COLOR",
):
    os.environ.pop(name, None)

# A shell starts what it puts into the background with SIGINT ignored, and children inherit that; tests send it to them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

"""Docker contexts, as ``docker context`` keeps them: which engine one names, and with which certificates.

The SDK's own reader knows nothing of DOCKER_CONTEXT, looks in the working directory where there is no ``config.json``,
and takes the default for a context that is not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from docker.tls import TLSConfig

from decnet.errors import MissingCapability
from decnet.world.docker import presence

_DEFAULT = "default"


def endpoint() -> dict[str, Any]:
    """``base_url``, and ``tls`` where it has that, of the context that is asked for; nothing of the default one.

    Raises `MissingCapability` for one that is not there or cannot be read.
    """
    name = os.environ.get("DOCKER_CONTEXT") or presence.current_context() or _DEFAULT
    if name == _DEFAULT:
        return {}
    folder, digest = presence.folder() / "contexts", hashlib.sha256(name.encode()).hexdigest()
    try:
        described = json.loads((folder / "meta" / digest / "meta.json").read_bytes())
        told = described["Endpoints"]["docker"]
        asked = {"base_url": str(told["Host"])}
    except FileNotFoundError:
        raise MissingCapability(f"there is no Docker context {name!r}", hint="docker context ls") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise MissingCapability(
            f"the Docker context {name!r} cannot be read: {error}", hint=f"docker context inspect {name}"
        ) from None
    tls = _tls(folder / "tls" / digest / "docker", skips=bool(told.get("SkipTLSVerify")))
    return {**asked, "tls": tls} if tls else asked


def _tls(folder: Path, *, skips: bool) -> TLSConfig | None:
    ca, cert, key = (folder / f"{name}.pem" for name in ("ca", "cert", "key"))
    if not folder.is_dir() and not skips:
        return None
    own = (str(cert), str(key)) if cert.exists() and key.exists() else None
    return TLSConfig(client_cert=own, ca_cert=str(ca) if ca.exists() else None, verify=not skips)

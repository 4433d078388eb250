"""The Docker Engine: where it is, and what is asked of it. The one package that loads its SDK.

The SDK loads paramiko where it is there, which only engines behind SSH need (`decnet.world.docker.engine`): 0.1 s, 20 MB.
"""

import sys

sys.modules.setdefault("paramiko", None)  # type: ignore[arg-type]  # so the import system says that there is none

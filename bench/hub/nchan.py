"""nginx with nchan, where it is installed (Debian: libnginx-mod-nchan): one worker, one channel a run."""

import shutil
from pathlib import Path
from typing import Final

from local_stack.ports import LOOPBACK

_MODULES: Final = (
    Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_nchan_module.so"),
)
_CONFIGURATION: Final = """\
load_module {module};
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  nchan_shared_memory_size 128M;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {host}:{port} backlog=4096;
    keepalive_requests 10000000;
    location = /tell {{ nchan_publisher; nchan_channel_id $arg_id; nchan_message_buffer_length 1000; }}
    location = /events {{
      nchan_subscriber eventsource; nchan_channel_id $arg_id; nchan_subscriber_first_message newest;
    }}
    location = /readyz {{ return 200 "ok"; }}
  }}
}}
"""


def nchan_command(folder: Path, port: int) -> list[str] | None:
    """How nginx with nchan is started, or None where one of them is not installed."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    module = next((path for path in _MODULES if path.exists()), None)
    if nginx is None or module is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(module=module, folder=folder, host=LOOPBACK, port=port))
    return [nginx, "-p", str(folder), "-c", str(configuration)]

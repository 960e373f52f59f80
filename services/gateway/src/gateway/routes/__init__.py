"""One file a resource; `create_app` includes their routers."""

"""/docs: the API to read and to try. Every byte of the page comes from here: it works, and tells nobody, offline."""

from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from gateway.errors import NotFound

PATH: Final = "/docs"
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # swagger-ui writes style attributes
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
ASSETS: Final = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
# Its addresses are relative, so that it is whole behind a proxy that adds a folder, too.
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Agent Wars: API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# Without `validatorUrl` the page would send the document's address to a validator elsewhere.
START: Final = """SwaggerUIBundle({
  url: new URL('openapi.json', document.baseURI).pathname,
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
})
"""
_CACHED: Final = {"Cache-Control": "public, max-age=3600"}

router = APIRouter(include_in_schema=False)


@router.get("/")
async def begin() -> Response:
    """Until there is a console."""
    return RedirectResponse(PATH)


@router.get(PATH)
async def page() -> Response:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})


@router.get(f"{PATH}/start.js")
async def start() -> Response:
    return Response(START, media_type="text/javascript", headers=_CACHED)


@router.get(PATH + "/{name}")
async def asset(name: str) -> Response:
    if name not in ASSETS:
        raise NotFound("page", f"{PATH}/{name}")
    return FileResponse(str(files("fastapi_swagger.resources") / name), headers=_CACHED)

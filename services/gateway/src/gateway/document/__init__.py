"""The gateway's OpenAPI document: the contract as machines read it."""

from gateway.document.build import document, operation_id

__all__ = ["document", "operation_id"]

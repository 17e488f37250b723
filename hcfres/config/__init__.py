"""Typed settings: closed pydantic models read from TOML, and the identity of what they describe."""

"""The GraphQL schema, in Strawberry's classes.

No module here has ``from __future__ import annotations``: it makes texts of annotations, and Strawberry compiles each again when the
function starts. A name that is not defined yet stands in quotes.
"""

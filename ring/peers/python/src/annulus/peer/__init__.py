"""python -m annulus.peer: the other end of a ring, for tests and for trying things out.

What it does, and how its messages are made, is told in ring/peers/PROGRAM.md, the contract of the
programs of all languages.
"""

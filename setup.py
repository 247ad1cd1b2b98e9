"""The part of the build that pyproject.toml cannot say: what is compiled, where it can be."""

from setuptools import Extension, setup

# Without a C compiler, Python's headers or Linux, media/uncompiled.py does its work.
setup(ext_modules=[Extension("media.compiled", ["media/compiled.pyx"], optional=True)])

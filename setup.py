"""Keeps build files out of the clone: a build/ left by an earlier build would add modules that no longer exist."""

import atexit
import shutil
import tempfile

import setuptools

folder = tempfile.mkdtemp(prefix="retrace-build-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)
setuptools.setup(options={"build": {"build_base": folder}, "egg_info": {"egg_base": folder}})

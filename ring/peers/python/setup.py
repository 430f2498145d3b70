"""What pyproject.toml cannot say: the extension module, and the C headers that it needs."""

import glob
import os
import shutil
import sys

from setuptools import Extension, setup
from setuptools.command.sdist import sdist

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import build  # noqa: E402

HEADERS = os.path.relpath(build.headers(), build.HERE)


class with_headers(sdist):
    """A source distribution has a copy of the headers, which lie beside this directory."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        include = os.path.join(base_dir, "include")
        os.makedirs(include, exist_ok=True)
        for header in glob.glob(os.path.join(build.headers(), "annulus*.h")):
            shutil.copy(header, include)


setup(
    cmdclass={"sdist": with_headers},
    ext_modules=[
        Extension("annulus._annulus", sorted(glob.glob("ext/*.c")), include_dirs=[HEADERS], depends=glob.glob("ext/*.h"),
                  extra_compile_args=["-std=c11", "-D_GNU_SOURCE", "-fvisibility=hidden"], extra_link_args=["-pthread"]),
    ],
)

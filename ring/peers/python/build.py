"""build.py DIRECTORY: builds the package annulus there with the C compiler alone, for a Python
that is started with PYTHONPATH=DIRECTORY. Wheels are made by pip from pyproject.toml."""

import glob
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden", "-pthread"]


def headers() -> str:
    """Where the C headers are: beside this directory, or in it where it is a source distribution."""
    own = os.path.join(HERE, "include")
    return own if os.path.isdir(own) else os.path.join(HERE, os.pardir, "c")


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    package = os.path.join(sys.argv[1], "annulus")
    include = sysconfig.get_paths()["include"]
    if not os.path.exists(os.path.join(include, "Python.h")):
        print(f"build.py: no Python.h in {include}: install the development files of this Python", file=sys.stderr)
        return 1
    shutil.copytree(os.path.join(HERE, "src", "annulus"), package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    module = os.path.join(package, "_annulus" + sysconfig.get_config_var("EXT_SUFFIX"))
    compiler = shlex.split(os.environ.get("CC", "gcc")) + FLAGS + shlex.split(os.environ.get("CFLAGS", ""))
    sources = sorted(glob.glob(os.path.join(HERE, "ext", "*.c")))
    return subprocess.call(compiler + ["-shared", "-I", include, "-I", headers(), *sources, "-o", module])


if __name__ == "__main__":
    sys.exit(main())

"""The installed TensorFlow as a Bazel repository: its headers, libraries and compile flags."""

_ASK = """
import os, tensorflow
print(os.path.dirname(tensorflow.__file__))
print("\\n".join(tensorflow.sysconfig.get_compile_flags()))
"""

_BUILD = """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "tensorflow",
    srcs = glob(["lib/*.so.2", "lib/*.2.dylib"], allow_empty = True),
    hdrs = glob(["include/**"], exclude = ["**/* *"]),
    defines = {defines},
    includes = ["include"],
    visibility = ["//visibility:public"],
)
"""

_LIBRARIES = [
    "libtensorflow_cc.so.2",
    "libtensorflow_framework.so.2",
    "libtensorflow_cc.2.dylib",
    "libtensorflow_framework.2.dylib",
]

def _installed_tensorflow(repository_ctx):
    python = repository_ctx.os.environ.get("PYTHON_BIN_PATH", "python3")
    result = repository_ctx.execute([python, "-c", _ASK])
    if result.return_code != 0:
        fail("%s cannot import tensorflow; set PYTHON_BIN_PATH to a Python that can.\n%s" % (
            python,
            result.stderr,
        ))
    lines = result.stdout.strip().split("\n")
    package = repository_ctx.path(lines[0])
    flags = lines[1:]

    repository_ctx.symlink(package.get_child("include"), "include")
    for name in _LIBRARIES:
        if package.get_child(name).exists:
            repository_ctx.symlink(package.get_child(name), "lib/" + name)
    defines = [flag[len("-D"):] for flag in flags if flag.startswith("-D")]
    repository_ctx.file("BUILD", _BUILD.format(defines = repr(defines)))

installed_tensorflow = repository_rule(
    implementation = _installed_tensorflow,
    doc = "Finds TensorFlow through the Python that PYTHON_BIN_PATH names, or python3.",
    environ = ["PYTHON_BIN_PATH"],
    local = True,
)

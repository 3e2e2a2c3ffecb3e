"""The installed CUDA toolkit, if there is one: how kernels/cuda.py says that it is used."""

_BUILD = """
load("@rules_cc//cc:defs.bzl", "cc_library")

# As a file, for it must come before TensorFlow's libraries, which have functions by the same names.
cc_library(
    name = "cudart",
    srcs = glob(["libcudart_static.a"], allow_empty = True),
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

_DEFS = """
# None if there is no toolkit, or TFAE_CUDA is 0.
NVCC = {nvcc}
NVCC_FLAGS = {flags}
"""

def _installed_cuda(repository_ctx):
    python = repository_ctx.os.environ.get("PYTHON_BIN_PATH", "python3")
    script = repository_ctx.path(Label("//:kernels/cuda.py"))
    result = repository_ctx.execute([python, script])
    if result.return_code != 0:
        fail(result.stderr)
    found = json.decode(result.stdout) or {}
    linkopts = []
    for flag in found.get("link_flags", []):
        if flag.startswith("-L"):
            library = repository_ctx.path(flag[len("-L"):]).get_child("libcudart_static.a")
            if library.exists:
                repository_ctx.symlink(library, "libcudart_static.a")
        elif flag != "-lcudart_static":
            linkopts.append(flag)
    repository_ctx.file("BUILD", _BUILD.format(linkopts = repr(linkopts)))
    repository_ctx.file("defs.bzl", _DEFS.format(
        nvcc = repr(found.get("nvcc")),
        flags = repr(found.get("compile_flags", [])),
    ))

installed_cuda = repository_rule(
    implementation = _installed_cuda,
    doc = "Finds nvcc as setup.py does.",
    environ = ["NVCC", "PATH", "PYTHON_BIN_PATH", "TFAE_CUDA"],
    local = True,
)

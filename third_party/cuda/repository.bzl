"""The installed CUDA toolkit, if there is one: how kernels/cuda.py says that it is used."""

_BUILD = """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "cudart",
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
    repository_ctx.file("BUILD", _BUILD.format(linkopts = repr(found.get("link_flags", []))))
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

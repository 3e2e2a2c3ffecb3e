"""Whatever a program calls the foreign functions with, they say which tensor is wrong."""

import op_bindings
import pytest

GOOD = {
    "mean": ("float32", (4, 5)),
    "log_variance": ("float32", (4, 5)),
    "seed": ("int64", (2,)),
    "z": ("float32", (3, 4, 5)),
    "kl": ("float32", (4,)),
    "z_gradient": ("float32", (3, 4, 5)),
    "kl_gradient": ("float32", (4,)),
    "mean_gradient": ("float32", (4, 5)),
    "log_variance_gradient": ("float32", (4, 5)),
}
FORWARD = ("TfaeGaussianSampleKl", ["mean", "log_variance", "seed"], ["z", "kl"])
BACKWARD = (
    "TfaeGaussianSampleKlGrad",
    ["mean", "log_variance", "seed", "z", "z_gradient", "kl_gradient"],
    ["mean_gradient", "log_variance_gradient"],
)
PASSES = pytest.mark.parametrize("function", [FORWARD, BACKWARD], ids=["forward", "backward"])


@pytest.fixture(scope="module", params=["Cpu", "Cuda"])
def jax_op(request):
    try:
        return op_bindings.JaxOp(request.param)
    except op_bindings.Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def call(jax_op):
    """Calls a foreign function with tensors of given types and shapes."""
    jax = jax_op.jax

    def call(function, tensors, **attributes):
        name, inputs, outputs = function
        results = tuple(
            jax.ShapeDtypeStruct(shape, dtype) for dtype, shape in map(tensors.get, outputs)
        )
        arrays = [
            jax.device_put(jax.numpy.ones(shape, dtype), jax_op.device)
            for dtype, shape in map(tensors.get, inputs)
        ]
        return jax.block_until_ready(jax.ffi.ffi_call(name, results)(*arrays, **attributes))

    return call


@PASSES
def test_valid_tensors_are_accepted(call, function):
    for tensor, shape in zip(call(function, GOOD), function[2], strict=True):
        assert tensor.shape == GOOD[shape][1]


WRONG = [
    ("mean", "int32", (4, 5), r"mean must be f32, f16, bf16 or f64, but is s32\[4,5\]"),
    ("mean", "float32", (), r"mean must be of at least one axis, but is f32\[\]"),
    ("log_variance", "float32", (4, 1), r"log_variance must be f32\[4,5\], .* is f32\[4,1\]"),
    ("log_variance", "float16", (4, 5), r"log_variance must be f32\[4,5\], .* is f16\[4,5\]"),
    ("seed", "int64", (1,), r"seed must be s32\[2\] or s64\[2\], but is s64\[1\]"),
    ("seed", "int32", (), r"seed must be s32\[2\] or s64\[2\], but is s32\[\]"),
    ("seed", "float64", (2,), r"seed must be s32\[2\] or s64\[2\], but is f64\[2\]"),
    ("z", "float32", (0, 4, 5), r"z must be f32\[4,5\], .* one sample or more, .* f32\[0,4,5\]"),
    ("z", "float32", (3, 4, 6), r"z must be f32\[4,5\], .* f32\[3,4,6\]"),
    ("z", "float32", (20,), r"z must be f32\[4,5\], .* f32\[20\]"),
    ("z", "float64", (4, 5), r"z must be f32\[4,5\], .* f64\[4,5\]"),
    ("kl", "float32", (3,), r"kl must be f32\[4\], one for each row of mean, but is f32\[3\]"),
    ("kl", "float64", (4,), r"kl must be f32\[4\], .* f64\[4\]"),
    ("z_gradient", "float32", (4, 5), r"z_gradient must be f32\[3,4,5\], .* f32\[4,5\]"),
    ("kl_gradient", "float32", (1,), r"kl_gradient must be f32\[4\], .* f32\[1\]"),
    ("kl_gradient", "float64", (4,), r"kl_gradient must be f32\[4\], .* f64\[4\]"),
    ("mean_gradient", "float32", (2, 5), r"mean_gradient must be f32\[4,5\], .* f32\[2,5\]"),
    ("log_variance_gradient", "bfloat16", (4, 5), r"log_variance_gradient must be .* bf16\[4,5\]"),
]


@PASSES
@pytest.mark.parametrize(("name", "dtype", "shape", "message"), WRONG)
def test_an_invalid_tensor_is_refused_by_name(call, function, name, dtype, shape, message):
    _, inputs, outputs = function
    if name in inputs + outputs:
        with pytest.raises(Exception, match=message):  # JaxRuntimeError; JAX before 0.6: another
            call(function, GOOD | {name: (dtype, shape)})


@PASSES
def test_an_unknown_attribute_is_refused(call, function):
    with pytest.raises(
        Exception, match="there are no attributes, but the call has one named num_samples"
    ):
        call(function, GOOD, num_samples=0)


def test_a_divergence_in_half_precision_is_float32(call):
    half = {name: ("float16", GOOD[name][1]) for name in ("mean", "log_variance", "z")}
    call(FORWARD, GOOD | half)
    with pytest.raises(Exception, match=r"kl must be f32\[4\]"):
        call(FORWARD, GOOD | half | {"kl": ("float16", (4,))})

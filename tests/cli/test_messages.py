"""What commands say to wrong values: the option, what came, and what to do."""

import numpy as np
import pytest
import tensorflow as tf

from tfae.cli.errors import one_line

ROWS = "train autoencoder --data rows.npy --latent-dim 2 --hidden-units 4 --epochs 1 --out o"


@pytest.fixture
def said(tfae, bare):
    """Runs a command that is refused, and returns what it says in one line."""
    rng = np.random.default_rng(0)
    np.save("rows.npy", rng.random((40, 6)).astype("float32"))
    np.save("pixels.npy", rng.integers(0, 255, (40, 8, 8, 1)).astype("uint8"))

    def said(command):
        text = " ".join(tfae(command, exit_code=2).output.split())
        assert "Traceback" not in text
        return text.partition("Error: ")[2]

    return said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--likelihood Gaussian:scale=x", "--likelihood Gaussian:scale=x: `scale` must be a posi"),
        ("--likelihood gauss", "received 'gauss'."),
        ("--corruption masking:rate=3", "MaskingCorruption:rate=3: `rate` must lie in [0, 1)"),
        ("--image-size 8x8", "--image-size 8x8 is for images in folders or by name, not for"),
        ("--no-header", "--no-header is for tables (.csv), not for"),
        ("--data-dir /nowhere", "--data-dir '/nowhere' is for names of TensorFlow Datasets"),
        ("--activation reluu", "--activation must name a function of keras.activations"),
        ("--learning-rate nan", "'--learning-rate': 'nan' is not a finite number."),
        ("--learning-rate fast", "'--learning-rate': 'fast' is not a valid number."),
        ("--epochs 1.5", "'--epochs': '1.5' is not a valid integer."),
        ("--validation-split nan", "'--validation-split': 'nan' is not a finite number."),
        ("--scale 1e-50", "'--scale': '1e-50' is not auto, none, minmax, standard, or a pos"),
        ("--scale minmax --likelihood poisson", "--likelihood Poisson is for integers, which"),
        ("--scale standard --likelihood laplace --binarize dynamic", "--binarize 'dynamic' takes"),
        ("--missing Mask", "--missing must be None or 'mask'; received 'Mask'."),
        ("--labels", "--labels needs labels, but '"),
        ("--out rows.npy/x", "--out rows.npy/x cannot be created: rows.npy"),
        ("--out ''", "'--out': The path is empty."),
        ("--data ''", "--data is empty: give a name or a path."),
        ("--data https://x.org/a.csv", "'https://x.org/a.csv' is a URL. Download it"),
    ],
)
def test_training_names_the_option_and_the_value(said, options, message):
    assert message in said(f"{ROWS} {options}")


def test_data_out_of_range_is_told_in_terms_of_options(said):
    np.save("rows.npy", np.full((40, 6), -2, "float32"))
    text = said(ROWS)
    assert text.startswith("The data must lie in [0, 1] for this likelihood.")
    assert "choose --likelihood gaussian or" in text


def test_a_kernel_has_a_size(said):
    command = ROWS.replace("rows.npy", "pixels.npy").replace("--hidden-units 4", "")
    text = said(f"{command} --architecture conv --kernel-size 0")
    assert text == "--kernel-size must be an integer of at least 1; received 0."


def test_what_takes_more_memory_than_there_is():
    raised = "{{function_node f}} OOM when allocating tensor with shape[9,9] [Op:Fill] name: "
    text = one_line(tf.errors.ResourceExhaustedError(None, None, raised))
    assert text == (
        "This takes more memory than there is: OOM when allocating tensor with shape[9,9]. Choose "
        "smaller numbers."
    )

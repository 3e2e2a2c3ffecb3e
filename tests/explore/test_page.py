"""The page in a headless Chromium: the browser runs the model, and reacts to the visitor."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import tfae
from tfae.cli.commands import explore
from tfae.cli.finished_run import read_run
from tfae.explore import prepare

pytestmark = pytest.mark.xdist_group("browser")  # one browser is enough


@pytest.fixture(scope="module")
def url(run, serve, web_runtime, tmp_path_factory):
    """The address of the page that `tfae explore RUN` serves."""
    folder = tmp_path_factory.mktemp("page")
    explore._prepare(*read_run(run), folder, run=run.name, server_reason=None)
    return serve(folder, web_runtime)


@pytest.mark.slow
def test_ctrl_c_ends_the_command_and_leaves_no_temporary_folder(run, web_runtime, tmp_path_factory):
    temporary = tmp_path_factory.mktemp("temporary")
    process = subprocess.Popen(
        [sys.executable, "-m", "tfae", "explore", str(run), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
        # A shell lets what it starts in the background ignore Ctrl-C, which is passed on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
                break
        else:
            pytest.fail("".join(lines))
        with urllib.request.urlopen(found[0], timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
        assert rest.strip().endswith("Stopped.")
        assert process.returncode == 0
        assert not list(temporary.glob("tfae-explore-*"))
    finally:
        process.kill()


class Visitor:
    """Looks at the page and does things on it."""

    def __init__(self, browser, url):
        self.browser, self.url = browser, url
        browser.resize(1280, 900)
        browser.open(url)
        self.wait("document.documentElement.dataset.example")
        self.settled()

    def wait(self, script):
        return self.browser.wait_for(script)

    def text(self, selector):
        return self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")

    def settled(self):
        """Waits until the latest code is decoded."""
        self.wait("document.querySelector('#decoded').ariaBusy === 'false'")

    def code(self):
        """The code that the sliders show, in the order of the dimensions."""
        self.settled()
        values = self.browser.evaluate(
            "Object.fromEntries([...document.querySelectorAll('.slider input')]"
            ".map((s) => [s.id, s.valueAsNumber]))"
        )
        return np.array([values[f"z{i}"] for i in range(len(values))])

    def pixels(self, selector="#decoded"):
        """The red of a canvas's pixels, (height, width), from 0 to 255."""
        self.settled()
        width, height, red = self.browser.evaluate(
            f"(() => {{ const c = document.querySelector('{selector}');"
            "const {data} = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
            "return [c.width, c.height, Array.from(data.filter((_, i) => i % 4 === 0))]; })()"
        )
        return np.reshape(red, (height, width))

    def place(self, selector, across=0.5, down=0.5):
        """A point of an element, in pixels of the page."""
        return self.browser.evaluate(
            f"(() => {{ const b = document.querySelector('{selector}').getBoundingClientRect();"
            f"return [b.x + {across} * b.width, b.y + {down} * b.height]; }})()"
        )

    def about(self):
        """What the server tells the page."""
        return self.browser.evaluate("fetch('/run/about.json').then((answer) => answer.json())")

    def ranges(self):
        """The range of each latent dimension on the map, in order: low and high."""
        dimensions = sorted(self.about()["dimensions"], key=lambda d: d["index"])
        return [(dimension["low"], dimension["high"]) for dimension in dimensions]

    def place_of(self, code):
        """Where a code is on the map."""
        pairs = zip(code, self.ranges(), strict=True)
        across, up = ((value - low) / (high - low) for value, (low, high) in pairs)
        return self.place("#map > canvas", across, 1 - up)

    def click(self, selector):
        self.browser.evaluate(f"document.querySelector('{selector}').click()")

    def click_at(self, x, y):
        for kind in ("Moved", "Pressed", "Released"):
            self.browser.mouse(kind, x, y)

    def focus(self, selector):
        self.browser.evaluate(f"document.querySelector('{selector}').focus()")

    def facts(self):
        """What the page says about the example."""
        return self.browser.evaluate(
            "Object.fromEntries([...document.querySelectorAll('#facts dt')]"
            ".map((t) => [t.textContent, t.nextSibling.textContent]))"
        )


@pytest.fixture
def page(browser, url):
    """The page of the run; it must only send requests to this host, and report no error."""
    visitor = Visitor(browser, url)
    yield visitor
    assert all(request.startswith((url, "data:", "blob:")) for request in browser.requests)
    assert not [error for error in browser.errors if not re.search("INFO:|WARNING:", error)]


def as_pixels(x):
    return 255 * np.clip(np.squeeze(x), 0, 1)


def test_the_browser_decodes_what_python_decodes(page, vae):
    assert page.browser.evaluate("document.documentElement.dataset.runsIn") == "browser"
    assert "in this browser" in page.text("#runtime")
    np.testing.assert_allclose(page.pixels(), as_pixels(vae.decode(page.code()[None])), atol=1)


def test_dragging_the_point_changes_the_image(page, vae):
    start = page.place_of(page.code())
    page.browser.mouse("Moved", *start)
    page.browser.mouse("Pressed", *start)
    seen = [page.pixels()]
    for down in (0.3, 0.5, 0.8):
        page.browser.mouse("Moved", *page.place("#map > canvas", 0.35, down))
        seen.append(page.pixels())
        expected = as_pixels(vae.decode(page.code()[None]))
        np.testing.assert_allclose(seen[-1], expected, atol=1)
        assert np.abs(seen[-1] - seen[-2]).max() > 10
    page.browser.mouse("Released", *page.place("#map > canvas", 0.35, 0.8))
    code = page.code()
    page.browser.mouse("Moved", *page.place("#map > canvas", 0.9, 0.1))
    np.testing.assert_array_equal(page.code(), code)  # the button was released


@pytest.mark.parametrize("dimension", [0, 1])
def test_a_slider_changes_the_image(page, vae, dimension):
    before, code = page.pixels(), page.code()
    page.browser.evaluate(
        f"(() => {{ const slider = document.querySelector('#z{dimension}');"
        "slider.value = 2.5; slider.dispatchEvent(new Event('input')); })()"
    )
    code[dimension] = 2.5
    np.testing.assert_allclose(page.code(), code, atol=1e-6)
    assert np.abs(page.pixels() - before).max() > 10
    np.testing.assert_allclose(page.pixels(), as_pixels(vae.decode(code[None])), atol=1)


@pytest.mark.parametrize(
    ("key", "step"),
    [("ArrowLeft", (-1, 0)), ("ArrowRight", (1, 0)), ("ArrowUp", (0, 1)), ("ArrowDown", (0, -1))],
)
def test_arrow_keys_move_the_point_on_the_map(page, key, step):
    page.focus("#map > canvas")
    page.browser.press("Home")
    assert page.code().tolist() == [0, 0]
    page.browser.press(key)
    small = page.code()
    assert np.sign(small).tolist() == list(step)
    page.browser.press(key, shift=True)
    np.testing.assert_allclose(page.code(), 11 * small, rtol=1e-5)


def test_arrow_keys_move_a_slider(page):
    before = page.code()
    page.focus("#z1")
    page.browser.press("ArrowRight")
    after = page.code()
    assert after[0] == before[0]
    assert 0 < after[1] - before[1] < 0.2


def test_every_control_can_be_reached_with_the_tab_key(page):
    reached = set()
    for _ in range(30):
        page.browser.press("Tab")
        reached.add(
            page.browser.evaluate("document.activeElement.id || document.activeElement.tagName")
        )
    assert reached >= {"CANVAS", "z0", "z1", "choose", "show-examples", "show-plane"}


def test_an_example_is_picked_by_a_click_and_by_enter(page, vae):
    codes, examples = (
        page.browser.evaluate(
            f"fetch('/run/{name}.f32').then((a) => a.arrayBuffer())"
            ".then((b) => Array.from(new Float32Array(b)))"
        )
        for name in ("codes", "examples")
    )
    codes = np.reshape(codes, (-1, 2))
    distances = np.linalg.norm(codes[:, None] - codes, axis=-1)
    np.fill_diagonal(distances, np.inf)
    alone = distances.min(axis=1)
    alone[np.linalg.norm(codes, axis=-1) < 1.0] = 0.0  # one of these is picked further down
    i = 1 + np.argmax(alone[1:])  # no other is near it; the first is shown already
    x = np.reshape(examples, (-1, 8, 8, 1))[i]
    page.click_at(*page.place_of(codes[i] + [0.01, 0]))
    page.wait(f"document.documentElement.dataset.example === 'Example {i + 1}'")
    np.testing.assert_allclose(page.code(), codes[i], atol=1e-6)
    np.testing.assert_allclose(page.pixels("#original"), as_pixels(x), atol=1)
    expected = as_pixels(vae.reconstruct(x[None]))
    np.testing.assert_allclose(page.pixels("#reconstruction"), expected, atol=1)
    facts = page.facts()
    assert float(facts["anomaly score"]) == pytest.approx(vae.anomaly_score(x[None])[0], abs=0.02)
    assert facts["class"] in "0123456789"
    page.focus("#map > canvas")
    page.browser.press("Home")
    page.browser.press("Enter")
    page.wait(f"document.documentElement.dataset.example !== 'Example {i + 1}'")
    nearest = np.argmin(np.sum(codes**2, axis=1))  # about: the map's axes differ in scale
    assert np.hypot(*page.code()) < np.hypot(*codes[nearest]) + 0.1


def test_the_pointer_shows_an_example_beside_its_reconstruction(page):
    page.browser.mouse("Moved", *page.place_of(page.code()))
    page.wait("!document.querySelector('#tip').hidden")
    assert re.fullmatch(r"\d · score -?\d+\.\d", page.text("#tip span"))
    assert page.pixels("#tip canvas").std() > 10
    page.browser.mouse("Moved", 2, 2)
    page.wait("document.querySelector('#tip').hidden")


def test_classes_and_examples_can_be_hidden(page):
    colours = [page.pixels("#map > canvas").std()]
    for selector in ("#legend button", "#show-examples"):
        page.click(selector)
        colours.append(page.pixels("#map > canvas").std())
    assert page.text("#legend button") == "0"
    assert page.browser.evaluate("document.querySelector('#legend button').ariaPressed") == "false"
    assert len(set(colours)) == 3


def test_the_decoded_plane_shows_what_the_codes_below_decode_to(page, vae):
    page.click("#show-examples")
    # The point and the lines through it are drawn over the plane: away from the tiles looked at.
    page.click_at(*page.place("#map > canvas", 0.5, 0.5))
    empty = page.pixels("#map > canvas")
    page.click("#show-plane")
    page.wait(
        "(() => { const c = document.querySelector('#map > canvas');"
        "return c.getContext('2d').getImageData(c.width - 2, c.height - 2, 1, 1).data[3]; })()"
    )
    shown = page.pixels("#map > canvas")
    height, width = shown.shape
    columns = round(np.sqrt(400 * width / height))
    rows = round(400 / columns)
    for row, column in [(1, 1), (rows - 2, 3), (4, columns - 2)]:  # each tile is 8 x 8 pixels
        code = [
            low + part * (high - low)
            for (low, high), part in zip(
                page.ranges(), [(column + 0.5) / columns, 1 - (row + 0.5) / rows], strict=True
            )
        ]
        centres = (np.arange(8) + 0.5) / 8
        down = np.int64((row + centres) * height / rows)
        across = np.int64((column + centres) * width / columns)
        tile = shown[np.ix_(down, across)]
        np.testing.assert_allclose(tile, as_pixels(vae.decode(np.float32([code]))), atol=2)
    page.click("#show-plane")
    np.testing.assert_array_equal(page.pixels("#map > canvas"), empty)


@pytest.fixture
def own_image(digits, tmp_path):
    image = np.uint8(np.rint(255 * digits[1500, ..., 0]))
    Image.fromarray(image).save(tmp_path / "own.png")
    return tmp_path / "own.png", (image / 255).astype("float32")[None, ..., None]


def drop(page, file):
    page.browser.drop_file(640, 450, file)


def choose(page, file):
    page.browser.choose_file("#file", file)


@pytest.mark.parametrize("give", [drop, choose])
def test_code_reconstruction_and_score_of_the_visitors_image_are_shown(page, vae, own_image, give):
    file, x = own_image
    give(page, file)
    page.wait("document.documentElement.dataset.example === 'own.png'")
    np.testing.assert_allclose(page.code(), vae.encode(x)[0], atol=2e-4)
    np.testing.assert_allclose(page.pixels("#original"), as_pixels(x), atol=1)
    expected = as_pixels(vae.reconstruct(x))
    np.testing.assert_allclose(page.pixels("#reconstruction"), expected, atol=1)
    facts = {name: float(text) for name, text in page.facts().items()}
    mean, log_variance = map(np.asarray, vae.encoder(x))
    kl = 0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance)
    score = vae.anomaly_score(x)[0]
    assert facts["anomaly score"] == pytest.approx(score, abs=0.02)
    assert facts["KL"] == pytest.approx(kl, abs=0.01)
    assert facts["reconstruction"] == pytest.approx(score - kl, abs=0.02)


def test_an_image_of_another_size_and_ink_on_paper(page, vae, own_image, tmp_path):
    _, x = own_image
    ink = Image.fromarray(np.uint8(255 * (1 - x.squeeze()))).resize((80, 80), Image.NEAREST)
    paper = Image.new("RGB", (140, 80), "white")  # wider: the middle counts
    paper.paste(ink, (30, 0))
    paper.save(tmp_path / "ink.png")
    drop(page, tmp_path / "ink.png")
    page.wait("document.documentElement.dataset.example === 'ink.png'")
    assert page.pixels("#original").mean() > 128
    page.click("#invert")
    page.wait("document.querySelector('#original').getContext('2d')"
              ".getImageData(0, 0, 1, 1).data[0] < 9")  # fmt: skip
    np.testing.assert_allclose(page.pixels("#original"), as_pixels(x), atol=25)


def test_an_image_is_rotated_as_its_file_says(page, own_image, tmp_path):
    _, x = own_image
    lying = np.rot90(np.uint8(np.rint(255 * x.squeeze())))  # a quarter to the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    Image.fromarray(lying).save(tmp_path / "turned.png", exif=exif)
    drop(page, tmp_path / "turned.png")
    page.wait("document.documentElement.dataset.example === 'turned.png'")
    np.testing.assert_allclose(page.pixels("#original"), as_pixels(x), atol=1)


def test_a_file_that_is_not_an_image_is_reported_and_changes_nothing(page, tmp_path):
    (tmp_path / "own.png").write_text("no image")
    before = page.pixels()
    drop(page, tmp_path / "own.png")
    page.wait("!document.querySelector('#notice').hidden")
    assert page.text("#notice") == "own.png is not an image that this browser reads."
    np.testing.assert_array_equal(page.pixels(), before)


def test_no_request_leaves_the_host(page):
    resources = page.browser.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    assert any(name.endswith(".wasm") for name in resources)
    assert all(name.startswith(page.url) for name in resources)
    assert page.browser.evaluate("fetch('http://127.0.0.2:9/').catch(() => 'refused')") == "refused"
    assert any("Content Security Policy" in error for error in page.browser.errors)
    page.browser.requests.clear(), page.browser.errors.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_preferred_colour_scheme(page, scheme):
    page.browser.prefer(scheme)
    background = "getComputedStyle(document.body).backgroundColor"
    red = int(re.search(r"\d+", page.browser.evaluate(background))[0])
    assert (red < 60) == (scheme == "dark")
    of_map = page.pixels("#map > canvas")
    assert of_map.size
    page.browser.prefer("light")


def luminance(text):
    """The relative luminance of a colour, as the guidelines for accessible content define it."""
    rgb = [int(part, 16) / 255 for part in re.findall("..", text.lstrip("#"))]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_histogram_stands_out_from_the_card(page, scheme):
    page.browser.prefer(scheme)
    style = "getComputedStyle(document.documentElement).getPropertyValue('--{}').trim()"
    bar, card = (page.browser.evaluate(style.format(name)) for name in ("bar", "card"))
    card = re.sub("^#(.)(.)(.)$", r"#\1\1\2\2\3\3", card)
    dark, light = sorted(map(luminance, (bar, card)))
    assert (light + 0.05) / (dark + 0.05) >= 3
    page.browser.resize(1281, 900)  # which redraws it
    page.wait(
        "(() => { const c = document.querySelector('#scores canvas');"
        "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        f".some((red, i) => i % 4 == 0 && red == {int(bar[1:3], 16)}); }})()"
    )
    page.browser.prefer("light")


@pytest.mark.parametrize("width", [340, 700, 1600])
def test_nothing_is_cut_off_at_any_width(page, width):
    page.browser.resize(width, 800)
    assert page.browser.evaluate("document.documentElement.scrollWidth") <= width
    shown = page.browser.evaluate(
        "document.querySelector('#decoded').getBoundingClientRect().width"
    )
    assert shown >= 120


# ---------------------------------------------------------------------- other runtimes and data


@pytest.fixture(params=["there is no npm", "LiteRT for the web does not start"])
def fallback(request, browser, serve, prepared, tmp_path):
    """The page where the browser cannot run the model."""
    if request.param == "there is no npm":
        return Visitor(browser, serve(prepared)), "instead of in the browser: npm was not found"
    for file in prepared.iterdir():
        content = file.read_bytes().replace(b'"npm was not found"', b"null")
        (tmp_path / file.name).write_bytes(content)
    (tmp_path / "litert").mkdir()
    return Visitor(browser, serve(tmp_path, tmp_path / "litert")), "did not start in this browser"


def test_the_server_decodes_where_the_browser_cannot(fallback, vae, own_image):
    page, reason = fallback
    assert reason in page.text("#notice")
    assert "on the local server" in page.text("#runtime")
    before = page.pixels()
    page.click_at(*page.place("#map > canvas", 0.05, 0.05))
    assert np.abs(page.pixels() - before).max() > 10
    np.testing.assert_allclose(page.pixels(), as_pixels(vae.decode(page.code()[None])), atol=1)
    file, x = own_image
    drop(page, file)
    page.wait("document.documentElement.dataset.example === 'own.png'")
    np.testing.assert_allclose(page.code(), vae.encode(x)[0], atol=2e-4)
    score = float(page.facts()["anomaly score"])
    assert score == pytest.approx(vae.anomaly_score(x)[0], abs=0.02)


@pytest.fixture(scope="module")
def conditional(digits):
    """A conditional model, held-out digits, and their classes."""
    x, label = digits[1400:], load_digits().target[1400:]
    model = tfae.ConditionalVariationalAutoencoder.from_shape(
        (8, 8, 1), latent_dim=2, hidden_units=(64,), seed=0
    )
    model.compile()
    train = {"x": digits[:1400], "label": load_digits().target[:1400]}
    model.fit(train, epochs=8, batch_size=64, verbose=0)
    return model, x, label


@pytest.fixture(scope="module", params=["browser", "server"])
def classes(request, browser, serve, web_runtime, conditional, tmp_path_factory):
    """The page of that model, which runs in the browser or on the server."""
    model, x, label = conditional
    folder = tmp_path_factory.mktemp("classes")
    in_browser = request.param == "browser"
    reason = {} if in_browser else {"server_reason": "npm was not found"}
    prepare(model, x, folder, label, run="digits", data="digits test", **reason)
    return request.param, serve(folder, web_runtime if in_browser else None)


def choose_class(page, label):
    page.browser.evaluate(
        f"(() => {{ const s = document.querySelector('#class'); s.value = {label};"
        "s.dispatchEvent(new Event('change')); })()"
    )


def chosen_class(page):
    return int(page.browser.evaluate("document.querySelector('#class').value"))


@pytest.mark.slow
def test_the_decoder_gets_the_chosen_class(browser, classes, conditional):
    place, url = classes
    model, x, label = conditional
    page = Visitor(browser, url)
    assert page.browser.evaluate("document.documentElement.dataset.runsIn") == place
    options = "[...document.querySelectorAll('#class option')].map((o) => o.textContent)"
    assert page.browser.evaluate(options) == ["unknown", *map(str, range(10))]
    # An example is of its own class, in the code, the reconstruction and the score.
    own = {"x": x[:1], "label": label[:1]}
    assert chosen_class(page) == label[0]
    code = page.code()
    np.testing.assert_allclose(code, model.encode(own)[0], atol=1e-4)
    reconstruction = as_pixels(model.reconstruct(own))
    np.testing.assert_allclose(page.pixels("#reconstruction"), reconstruction, atol=1)
    score = float(page.facts()["anomaly score"])
    assert score == pytest.approx(model.anomaly_score(own)[0], abs=0.02)
    seen = [page.pixels()]
    for k in (3, 7, -1):
        choose_class(page, k)
        seen.append(page.pixels())
        expected = as_pixels(model.decode(code[None], label=k))
        np.testing.assert_allclose(seen[-1], expected, atol=1)
        assert np.abs(seen[-1] - seen[-2]).max() > 10
    np.testing.assert_array_equal(page.code(), code)
    np.testing.assert_allclose(page.pixels("#reconstruction"), reconstruction, atol=1)


@pytest.mark.slow
def test_the_visitors_image_gets_the_chosen_class(browser, classes, conditional, own_image):
    model, _, _ = conditional
    file, x = own_image
    page = Visitor(browser, classes[1])
    drop(page, file)
    page.wait("document.documentElement.dataset.example === 'own.png'")
    scores = []
    for k in (4, 8):
        choose_class(page, k)
        own = {"x": x, "label": np.array([k])}
        score = model.anomaly_score(own)[0]
        text = "document.querySelector('#facts dd.strong').textContent"
        page.wait(f"Math.abs(Number({text}) - {score}) < 0.02")
        np.testing.assert_allclose(page.code(), model.encode(own)[0], atol=2e-4)
        expected = as_pixels(model.reconstruct(own))
        np.testing.assert_allclose(page.pixels("#reconstruction"), expected, atol=1)
        np.testing.assert_allclose(page.pixels(), expected, atol=1)
        scores.append(score)
    assert abs(scores[0] - scores[1]) > 0.1


def test_a_model_without_labels_has_no_class_to_choose(page):
    assert page.browser.evaluate("document.querySelector('#class').parentElement.hidden")


@pytest.fixture(scope="module")
def vectors(serve, web_runtime, tmp_path_factory):
    """A page of a model of tables: ten numbers an example, a code of four, no labels."""
    folder = tmp_path_factory.mktemp("vectors")
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 3)) @ generator.normal(size=(3, 10)) + 1
    model = tfae.Autoencoder.from_shape((10,), latent_dim=4, likelihood="gaussian", seed=0)
    names = [f"sensor {letter}" for letter in "ABCDEFGHIJ"]
    of_page = {"run": "table", "data": "table.csv validation", "column_names": names}
    prepare(model, x.astype("float32"), folder, **of_page)
    return model, serve(folder, web_runtime)


def test_vectors_are_plotted_and_read_from_files_of_numbers(browser, vectors, tmp_path):
    model, url = vectors
    page = Visitor(browser, url)
    assert page.pixels().std() > 5
    page.browser.evaluate(
        "(() => { const slider = document.querySelector('.slider input');"
        "slider.value = slider.max; slider.dispatchEvent(new Event('input')); })()"
    )
    own = np.linspace(-1, 2, 10, dtype="float32")[None]
    (tmp_path / "own.csv").write_text(",".join(map(str, own[0])))
    drop(page, tmp_path / "own.csv")
    page.wait("document.documentElement.dataset.example === 'own.csv'")
    np.testing.assert_allclose(page.code(), model.encode(own)[0], atol=1e-3)
    assert float(page.facts()["anomaly score"]) == pytest.approx(
        model.anomaly_score(own)[0], abs=0.02
    )
    assert "KL" not in page.facts()
    far = 1000 * own
    (tmp_path / "far.csv").write_text("\n".join(map(str, far[0])))
    drop(page, tmp_path / "far.csv")
    page.wait("document.documentElement.dataset.example === 'far.csv'")
    code = model.encode(far)[0]
    assert any(not low < z < high for z, (low, high) in zip(code, page.ranges(), strict=True))
    np.testing.assert_allclose(page.code(), code, rtol=1e-3)  # the sliders reach it
    assert "More anomalous than 100 %" in page.text("#scores figcaption")
    (tmp_path / "short.csv").write_text("1,2,3")
    drop(page, tmp_path / "short.csv")
    page.wait("!document.querySelector('#notice').hidden")
    assert page.text("#notice").startswith("short.csv must hold 10 numbers")


def test_sliders_and_axes_begin_with_the_most_informative_dimension(browser, vectors):
    _, url = vectors
    page = Visitor(browser, url)
    order = [dimension["index"] for dimension in page.about()["dimensions"]]
    ids = page.browser.evaluate("[...document.querySelectorAll('.slider input')].map((s) => s.id)")
    assert ids == [f"z{i}" for i in order]
    axes = "[...document.querySelectorAll('.axis select')].map((s) => Number(s.value))"
    assert page.browser.evaluate(axes) == order[:2]
    page.browser.evaluate(
        f"(() => {{ const s = document.querySelector('#axis-x'); s.value = {order[1]};"
        "s.dispatchEvent(new Event('change')); })()"
    )
    assert page.browser.evaluate(axes) == [order[1], order[0]]
    before = page.code()
    page.click_at(*page.place("#map > canvas", 0.01, 0.01))
    moved = page.code() != before
    assert sorted(np.flatnonzero(moved)) == sorted(order[:2])


def test_the_values_of_a_table_are_shown_with_the_names_of_their_columns(browser, vectors):
    model, url = vectors
    page = Visitor(browser, url)
    cells = page.browser.evaluate(
        "[...document.querySelectorAll('#values tbody tr')]"
        ".map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    examples = "fetch('/run/examples.f32').then((a) => a.arrayBuffer())"
    x = page.browser.evaluate(f"{examples}.then((b) => [...new Float32Array(b, 0, 10)])")
    reconstruction = model.reconstruct(np.float32([x]))[0]
    order = np.argsort(-np.abs(x - reconstruction))
    assert [name for name, *_ in cells] == [f"sensor {'ABCDEFGHIJ'[i]}" for i in order]
    numbers = np.array([row[1:] for row in cells], float)
    np.testing.assert_allclose(numbers, np.stack([x, reconstruction], 1)[order], rtol=1e-3)


def test_a_file_with_a_line_of_names_is_read(browser, vectors, tmp_path):
    page = Visitor(browser, vectors[1])
    (tmp_path / "own.csv").write_text("a,b,c,d,e,f,g,h,i,j\n" + ",".join(["1"] * 10))
    drop(page, tmp_path / "own.csv")
    page.wait("document.documentElement.dataset.example === 'own.csv'")


@pytest.fixture(scope="module")
def many_dimensions(serve, web_runtime, tmp_path_factory):
    """A page of a model of shares with 24 latent dimensions."""
    folder = tmp_path_factory.mktemp("dimensions")
    model = tfae.Autoencoder.from_shape((3,), latent_dim=24, hidden_units=(), seed=0)
    x = np.random.default_rng(0).random((20, 3)).astype("float32")
    prepare(model, x, folder, run="shares", data="shares.csv test")
    return serve(folder, web_runtime)


def test_every_slider_can_be_reached_on_a_phone(browser, many_dimensions):
    page = Visitor(browser, many_dimensions)
    page.browser.resize(390, 800)
    reached = page.browser.evaluate(
        "[...document.querySelectorAll('.slider input')].map((slider) => {"
        "  slider.scrollIntoView({ block: 'center', behavior: 'instant' });"
        "  const { x, y, width, height } = slider.getBoundingClientRect();"
        "  return document.elementFromPoint(x + width / 2, y + height / 2) === slider; })"
    )
    assert reached == [True] * 24
    assert page.browser.evaluate("document.querySelector('#sliders').scrollTop") == 0


def test_numbers_outside_the_support_are_reported_as_an_anomaly(browser, many_dimensions, tmp_path):
    page = Visitor(browser, many_dimensions)
    (tmp_path / "own.csv").write_text("0.5,1.5,0.5")
    drop(page, tmp_path / "own.csv")
    page.wait("!document.querySelector('#notice').hidden")
    assert page.text("#notice") == (
        "own.csv holds 1.5 for column 2, which must lie from 0 to 1: no data of this model, so an "
        "anomaly."
    )

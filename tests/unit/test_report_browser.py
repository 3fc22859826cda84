"""The report in a browser, from a disk: what a person clicks. Skips where there is no browser."""

import contextlib
import shutil

import pytest

from data_pipelines.leaks import Leaks, Pair
from tests.unit.report_entries import entries
from tryon_jax.report import page

playwright = pytest.importorskip("playwright.sync_api")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """By the number of runs."""
    folder = tmp_path_factory.mktemp("reports")
    leaks = Leaks(9, 3, [Pair("t.png", "s.png", "same file", 0.0)])
    for count in (1, 2):
        path = folder / f"{count}.html"
        page.write(path, entries(count, items=40), title="T", notes=[], leaks=leaks, gallery=30)
    return folder


@pytest.fixture
def opened(browser, reports):
    """Opens a report; at the end nothing may have failed or asked for another file."""
    with contextlib.ExitStack() as stack:

        def open_report(runs, size=DESKTOP):
            context = stack.enter_context(contextlib.closing(browser.new_context(viewport=size)))
            tab, wrong = context.new_page(), []
            tab.on("pageerror", lambda error: wrong.append(str(error)))
            tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
            tab.on("request", lambda request: asked.append(request.url))
            asked = []
            tab.goto((reports / f"{runs}.html").as_uri())
            stack.callback(lambda: check(wrong, asked))
            return tab

        yield open_report


def check(wrong, asked):
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1


def badges(tab):
    return [float(text) for text in tab.locator(".item .badge").all_inner_texts()]


def test_the_worst_come_first_and_the_best_at_a_click(opened):
    tab = opened(1)
    worst = badges(tab)
    assert len(worst) == 24 and worst == sorted(worst, reverse=True) and worst[0] > worst[-1]
    tab.locator("#order").click()
    assert badges(tab) == sorted(badges(tab)) and badges(tab)[0] < worst[-1]
    tab.locator("#sort").select_option("fake_ssim")  # higher is better
    tab.locator("#order").click()
    assert badges(tab) == sorted(badges(tab))


def test_the_gallery_is_filtered_by_name_subset_and_score(opened):
    tab = opened(1)
    tab.locator("#search").fill("item 3")
    names = tab.locator(".item .line > span:first-child").all_inner_texts()
    assert names and all(name.startswith("item 3") for name in names)
    tab.locator("#search").fill("")
    tab.get_by_role("button", name="stripes", exact=True).click()
    assert all("stripes" in x for x in tab.locator(".item .line").all_inner_texts())
    tab.get_by_role("button", name="all", exact=True).click()
    tab.locator("#spread button:not([disabled])").first.click()
    assert 0 < len(badges(tab)) < 24
    assert "This page holds 30 of 40" in tab.locator("#count").inner_text()


def test_more_items_come_when_asked(opened):
    tab = opened(1)
    tab.locator("#more").click()
    assert len(badges(tab)) == 30 and tab.locator("#more").count() == 0


def test_leaks_and_numbers_are_said(opened):
    tab = opened(1)
    assert "1 of 3 test pictures are also among" in tab.locator("#leaks").inner_text()
    card = tab.locator(".card", has_text="fake lpips").inner_text()
    assert "40 pictures" in card and "unchanged picture" in card


def test_a_difference_map_shows_the_mean_difference(opened):
    """Grey 100 against grey 200."""
    tab = opened(1)
    tab.locator(".item .strip").first.click()
    tab.get_by_role("button", name="Difference", exact=True).click()
    mean = tab.locator("#difference").get_attribute("data-mean")
    assert float(mean) == pytest.approx(100, abs=2)


def test_two_runs_flicker_in_one_place(opened):
    tab = opened(2)
    tab.locator(".item .strip").first.click()
    shown = {tab.locator("#flicker figcaption").inner_text()}
    for _ in range(40):
        tab.wait_for_timeout(100)
        shown.add(tab.locator("#flicker figcaption").inner_text())
    assert shown == {"run 0", "run 1"}
    tab.locator("#two").select_option("truth_b")
    tab.get_by_role("button", name="Side by side", exact=True).click()
    assert tab.locator("#stage figcaption").all_inner_texts() == ["run 0", "truth b"]
    first = tab.locator("#viewed").inner_text()
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#viewed").inner_text() != first
    tab.keyboard.press("Escape")
    assert not tab.locator("#viewer").is_visible()


def test_two_runs_stand_beside_one_another(opened):
    tab = opened(2)
    captions = tab.locator(".item").first.locator("figcaption").all_inner_texts()
    assert captions == ["real a", "run 0", "run 1", "truth b"]
    assert "worse" in tab.locator("#numbers").inner_text()


def test_a_wipe_uncovers_the_second_picture(opened):
    tab = opened(1)
    tab.locator(".item .strip").first.click()
    tab.get_by_role("button", name="Wipe", exact=True).click()
    box = tab.locator("#wipe").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 4, box["y"] + 40)
    left = tab.locator("#wipe i").evaluate("line => parseFloat(line.style.left)")
    assert left == pytest.approx(25, abs=2)


@pytest.mark.parametrize("runs", [1, 2])
def test_a_phone_shows_everything_without_scrolling_sideways(opened, runs):
    tab = opened(runs, PHONE)
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tab.locator(".item .strip").first.click()
    for mode in ("Side by side", "All", "Flicker", "Wipe", "Difference"):
        tab.get_by_role("button", name=mode, exact=True).click()
        tab.wait_for_timeout(60)
        picture = tab.locator("#stage img, #stage canvas").first.bounding_box()
        assert picture["width"] > 100 and picture["x"] + picture["width"] <= PHONE["width"] + 1
    assert tab.locator("#close").bounding_box()["x"] < PHONE["width"] - 20

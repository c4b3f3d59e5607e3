"""Signing in: errors in words, the wait after too many tries, the language, the way back."""

import pytest
from playwright.async_api import Page, expect

from tests.e2e.front.conftest import Open

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def sign_in(page: Page, login: str, password: str) -> None:
    await page.get_by_test_id("login-name").fill(login)
    await page.get_by_test_id("login-password").fill(password)
    await page.get_by_test_id("login-go").click()


async def test_wrong_and_right(open_page: Open) -> None:
    async with open_page("/login?next=/tickets", broken=True) as watched:
        page = watched.page
        await page.get_by_test_id("login-go").click()
        await expect(page.get_by_test_id("login-error")).to_contain_text("Type your name and your password.")
        await expect(page.get_by_test_id("login-name")).to_be_focused()
        await sign_in(page, "sofia", "wrong")
        await expect(page.get_by_test_id("login-error")).to_contain_text("Name or password is wrong.")
        await sign_in(page, "sofia", "right")
        await page.wait_for_url("**/tickets")


@pytest.mark.parametrize(
    "hostile", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_the_way_back_never_leaves_the_site(open_page: Open, hostile: str) -> None:
    async with open_page(f"/login?next={hostile}") as watched:
        home = watched.page.url.split("/login")[0]
        await sign_in(watched.page, "sofia", "right")
        await watched.page.wait_for_url(f"{home}/")


async def test_too_many_tries_count_down(open_page: Open) -> None:
    async with open_page("/login", broken=True) as watched:
        await sign_in(watched.page, "throttled", "x")
        await expect(watched.page.get_by_test_id("login-error")).to_contain_text("Wait 29 s")
        await expect(watched.page.get_by_test_id("login-go")).to_be_disabled()


async def test_the_language_changes_the_page_and_its_errors(open_page: Open) -> None:
    async with open_page("/login", broken=True) as watched:
        page = watched.page
        await sign_in(page, "sofia", "wrong")
        await expect(page.get_by_test_id("login-error")).to_be_visible()
        await page.get_by_role("button", name="Русский").click()
        await expect(page.get_by_role("heading")).to_have_text("Вход")
        await expect(page.get_by_test_id("login-error")).to_contain_text("Неверное имя или пароль.")
        await page.reload()
        await expect(page.get_by_role("heading")).to_have_text("Вход")

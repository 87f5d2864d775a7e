/** The pages in a real browser: nothing is blocked, everything fits and is legible, and a screen reader finds its way. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { contrast, legible } from '../../lib/http/pages/colours.ts';
import { contentSecurityPolicy } from '../../lib/http/pages/layout.ts';
import { launchBrowser } from '../support/browser.ts';
import { pages, theme } from '../support/pages.ts';

let browser: Browser;
let server: Server;
let origin: string;

/** Serves each page under its name, and for a post the redirect that a client's callback would make next. */
before(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (path === '/callback') {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<link rel="icon" href="data:,"><title>Client</title>');
      return;
    }
    if (request.method === 'POST') {
      response.writeHead(303, { location: `${origin.replace('127.0.0.1', 'localhost')}/callback` }).end();
      return;
    }
    const page = pages[path.slice(1)];
    const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': contentSecurityPolicy(theme) };
    response.writeHead(page ? 200 : 404, headers).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

async function visit(
  name: string,
  options: Parameters<Browser['newPage']>[0],
  look: (page: Page) => Promise<void>,
): Promise<void> {
  const page = await browser.newPage(options);
  try {
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`${origin}/${name}`);
    // The focus of `autofocus` comes with the first rendering, which may be after the page has loaded.
    if ((await page.locator('[autofocus]').count()) > 0) await page.waitForSelector('[autofocus]:focus');
    await look(page);
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
  }
}

/** Colour of each text and of what is painted behind it, as `rgb(…)`. Runs in the page. */
const textColours = `Array.from(document.querySelectorAll('body *'))
  .filter((element) => Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.data.trim() !== '') || element.matches('input'))
  .map((element) => {
    let behind = element;
    while (behind && /, 0\\)$/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    return [element.tagName, getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
  })`;

function hex(colour: string): string {
  const channels = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(colour)?.slice(1) ?? assert.fail(`not an opaque colour: ${colour}`);
  return `#${channels.map((channel) => Number(channel).toString(16).padStart(2, '0')).join('')}`;
}

for (const name of Object.keys(pages)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${name} in ${colorScheme}: fits 320 px, and every text is legible on what is behind it`, async () => {
      await visit(name, { colorScheme, viewport: { width: 320, height: 640 } }, async (page) => {
        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 320);
        const texts = (await page.evaluate(textColours)) as [string, string, string][];
        assert.ok(texts.length > 2);
        for (const [tag, text, behind] of texts) {
          assert.ok(contrast(hex(text), hex(behind)) >= legible, `${tag}: ${text} on ${behind}`);
        }
      });
    });
  }

  test(`${name}: a screen reader finds a banner, one main landmark, one heading of level 1 and a name for every control`, async () => {
    await visit(name, {}, async (page) => {
      for (const role of ['banner', 'main'] as const) assert.equal(await page.getByRole(role).count(), 1, role);
      assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
      for (const line of (await page.locator('body').ariaSnapshot()).split('\n')) {
        if (/^\s*- (button|textbox|link)/.test(line)) assert.match(line, /- (button|textbox|link) "/);
      }
    });
  });

  test(`${name}: targets are at least 44 px high, and what has the focus shows it`, async () => {
    await visit(name, {}, async (page) => {
      for (const control of await page.locator('button, input:not([type=hidden])').all()) {
        assert.ok(((await control.boundingBox())?.height ?? 0) >= 44);
        await control.focus();
        assert.match(String(await page.evaluate('getComputedStyle(document.activeElement).outline')), /solid 3px/);
      }
    });
  });
}

test('sign-in is done with the keyboard alone, in the order of the page', async () => {
  await visit('login', {}, async (page) => {
    await page.keyboard.type('alice');
    await page.keyboard.press('Tab');
    await page.keyboard.type('secret');
    assert.equal(await page.locator('#username').inputValue(), 'alice');
    assert.equal(await page.locator('#password').inputValue(), 'secret');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.id'), 'login-submit');
  });
});

test('after a failed sign-in the password has the focus and the failure describes it', async () => {
  await visit('login-failed', {}, async (page) => {
    assert.equal(await page.evaluate('document.activeElement.id'), 'password');
    assert.match(await page.locator('main').ariaSnapshot(), /alert: The username or the password is not right/);
    const described = await page.evaluate(
      'document.getElementById(document.activeElement.getAttribute("aria-describedby")).innerText',
    );
    assert.match(String(described), /not right/);
  });
});

test('consent: an Enter on the fresh page answers nothing', async () => {
  await visit('consent', {}, async (page) => {
    await page.keyboard.press('Enter');
    assert.equal(page.url(), `${origin}/consent`);
    assert.equal(await page.title(), 'Consent');
  });
});

for (const [name, button] of Object.entries({ login: 'login-submit', consent: 'consent-allow', logout: 'logout-confirm' })) {
  test(`${name}: the browser follows the redirect after the post to another origin`, async () => {
    await visit(name, {}, async (page) => {
      if (name === 'login') await page.fill('#username', 'alice').then(() => page.fill('#password', 'secret'));
      await page.click(`#${button}`);
      await page.waitForURL(/\/\/localhost:\d+\/callback$/);
      assert.equal(await page.title(), 'Client');
    });
  });
}

test('a hostile name brings no element of its own into the page', async () => {
  for (const name of ['consent-hostile', 'logout-hostile']) {
    await visit(name, {}, async (page) => {
      assert.equal(await page.locator('script, img, b, i').count(), 0);
      assert.equal(await page.locator('style').count(), 2);
    });
  }
});

test('forced colours: the pages keep the edges of buttons, fields and notices', async () => {
  await visit('login-failed', { forcedColors: 'active' }, async (page) => {
    const edges = `Array.from(document.querySelectorAll('button, .note, #username, #password'), (element) => getComputedStyle(element).border)`;
    const borders = (await page.evaluate(edges)) as string[];
    assert.equal(borders.length, 4);
    for (const border of borders) assert.match(border, /^1px solid/);
  });
});

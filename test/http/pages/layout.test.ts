/** Every page has the same frame, and its content security policy admits that frame and nothing else. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { html } from '../../../lib/http/pages/html.ts';
import { contentSecurityPolicy, renderPage } from '../../../lib/http/pages/layout.ts';
import { pages, theme } from '../../support/pages.ts';

function directives(policy: string): Record<string, string> {
  return Object.fromEntries(
    policy.split('; ').map((directive) => [directive.replace(/ .*/, ''), directive.replace(/^\S+ /, '')]),
  );
}

for (const [name, page] of Object.entries(pages)) {
  test(`${name}: language, viewport, one h1 in the main landmark, no script, no event handler, no inline style`, () => {
    assert.match(page, /^<!doctype html>\n<html lang="en">/);
    assert.match(page, /<meta name="viewport" content="width=device-width,initial-scale=1">/);
    assert.equal(page.match(/<h1>/g)?.length, 1);
    assert.equal(page.match(/<main[ >]/g)?.length, 1);
    assert.match(page, /<main[^>]*>\s*<h1>/);
    const tags = page.match(/<[^>]+>/g)?.join('\n') ?? '';
    assert.doesNotMatch(tags, /<script|<link|<iframe|<img|\sstyle=|\son\w+=/i);
  });

  test(`${name}: its style elements are exactly those whose hashes the policy names`, () => {
    const styles = Array.from(page.matchAll(/<style>(.*?)<\/style>/gs), ([, css]) => css as string);
    const hashes = styles.map((css) => `'sha256-${createHash('sha256').update(css).digest('base64')}'`);
    assert.equal(directives(contentSecurityPolicy(theme))['style-src'], hashes.join(' '));
    assert.equal(hashes.length, 2);
  });
}

test('the policy allows nothing but the styles', () => {
  const { 'style-src': _, ...others } = directives(contentSecurityPolicy(theme));
  assert.deepEqual(others, { 'default-src': "'none'", 'base-uri': "'none'", 'frame-ancestors': "'none'" });
});

test('the policy allows pictures from the origin of the logo only', () => {
  const policy = contentSecurityPolicy({ ...theme, logo_url: 'https://cdn.example.com:8443/a/logo.svg?v=1' });
  assert.equal(directives(policy)['img-src'], 'https://cdn.example.com:8443');
});

test('the policy says where forms may lead only if it is told', () => {
  assert.equal(directives(contentSecurityPolicy(theme, { formAction: [] }))['form-action'], "'none'");
  const listed = contentSecurityPolicy(theme, { formAction: ['https://a.example'] });
  assert.equal(directives(listed)['form-action'], "'self' https://a.example");
});

test('a theme gives the logo, the name and the colours', () => {
  const page = renderPage(
    { name: '<Acme> & Söhne', logo_url: 'https://cdn.example.com/logo.svg?a="b', accent: '#aa0000', accent_dark: '#ffaaaa' },
    { title: 'Sign in', main: html`<p>x</p>` },
  );
  assert.match(page, /<img src="https:\/\/cdn\.example\.com\/logo\.svg\?a=&quot;b" alt="" /);
  assert.match(page, /<span>&lt;Acme&gt; &amp; Söhne<\/span>/);
  assert.match(page, /--accent:#aa0000;--on-accent:#ffffff.*prefers-color-scheme:dark.*--accent:#ffaaaa;--on-accent:#000000/);
});

test('without a logo the initial of the name stands in, whatever it is', () => {
  for (const [name, initial] of [
    ['österreich', 'Ö'],
    ['🦊 fox', '🦊'],
    ['<x', '&lt;'],
    ['', ''],
  ]) {
    const page = renderPage({ ...theme, name: name as string }, { title: 'x', main: html`` });
    assert.ok(page.includes(`<span class="mark" aria-hidden="true">${initial}</span>`));
  }
});

test('a page is small: at most 16 KB with its style', () => {
  for (const [name, page] of Object.entries(pages)) assert.ok(Buffer.byteLength(page) <= 16_384, `${name}: ${page.length}`);
});

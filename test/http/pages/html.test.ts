/** What goes into a template comes out as text, never as markup. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { html, styleElement } from '../../../lib/http/pages/html.ts';

function readEntities(text: string): string {
  const characters: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };
  return text.replace(/&[#\w]+;/g, (entity) => characters[entity] ?? assert.fail(`unknown entity ${entity}`));
}

test('any string put in comes out without a character that could end text or an attribute, and reads the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const written = html`${value}`.toString();
      assert.doesNotMatch(written, /[<>"']/);
      assert.equal(readEntities(written), value);
    }),
  );
});

test('HTML made by the template is not escaped again, alone or in a list', () => {
  const item = html`<li>${'&'}</li>`;
  assert.equal(html`<ul>${[item, item]}</ul>`.toString(), '<ul><li>&amp;</li><li>&amp;</li></ul>');
});

test('an object that merely looks like HTML is not HTML', () => {
  const forged = { toString: () => '<script>' };
  assert.throws(() => html`${forged as never}`, TypeError);
});

test('nothing is written for what is absent', () => {
  assert.equal(html`a${undefined}${null}${false}${[]}${0}`.toString(), 'a0');
});

test('a style sheet that could end its element is refused', () => {
  assert.throws(() => styleElement('a{}</style><script>'), TypeError);
});

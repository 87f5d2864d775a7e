/** Every colour of the style sheet is legible on what lies behind it, whatever the accent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { accentColours, contrast, dark, legible, light } from '../../../lib/http/pages/colours.ts';
import { stylesheet } from '../../../lib/http/pages/stylesheet.ts';

/** The custom properties as a browser reads them: first the light ones, then those of a dark screen. */
const palettes = Array.from(stylesheet.matchAll(/:root\{([^}]*)\}/g), ([, body]) =>
  Object.fromEntries(Array.from((body as string).matchAll(/--([\w-]+):(#\w+)/g), ([, name, value]) => [name, value])),
);

const texts = [
  ['text', 'page'],
  ['text', 'card'],
  ['muted', 'card'],
  ['danger-text', 'danger'],
  ['notice-text', 'notice'],
];

test('WCAG 2.2: the measure of contrast agrees with published pairs', () => {
  assert.equal(contrast('#000000', '#ffffff'), 21);
  assert.equal(contrast('#ffffff', '#ffffff'), 1);
  assert.equal(contrast('#767676', '#ffffff').toFixed(2), '4.54');
  assert.equal(contrast('#ff0000', '#ffffff').toFixed(2), '4.00');
});

test('the style sheet has a light and a dark palette', () => {
  assert.deepEqual(palettes, [light, dark]);
});

for (const [index, scheme] of ['light', 'dark'].entries()) {
  test(`WCAG 2.2 §1.4.3: text is legible in ${scheme}`, () => {
    for (const [text, behind] of texts) {
      const [one, other] = [palettes[index]?.[text as string], palettes[index]?.[behind as string]];
      assert.ok(one && other, `no colour ${text} or ${behind}`);
      assert.ok(contrast(one, other) >= legible, `${text} on ${behind} is ${contrast(one, other).toFixed(2)}`);
    }
  });

  test(`WCAG 2.2 §1.4.11: the edge of a field is visible in ${scheme}`, () => {
    assert.ok(contrast(palettes[index]?.edge ?? '', palettes[index]?.card ?? '') >= 3);
  });
}

test('any accent gives a legible button and legible links', () => {
  const colour = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, '0')}`);
  fc.assert(
    fc.property(colour, fc.constantFrom(light, dark), (accent, palette) => {
      const colours = accentColours(accent, palette);
      assert.equal(colours.accent, accent);
      assert.ok(contrast(colours['on-accent'], accent) >= legible);
      assert.ok(contrast(colours.link, palette.card) >= legible);
      assert.ok(contrast(colours.link, palette.page) >= legible);
    }),
    { numRuns: 500 },
  );
});

test('an accent that is legible as it is stays as it is', () => {
  assert.equal(accentColours('#0b57d0', light).link, '#0b57d0');
});

test('what is not a colour does not get into a style sheet', () => {
  for (const value of ['red', '#fff', '#0b57d0;}', 'url(x)', '']) assert.throws(() => accentColours(value, light), /#rrggbb/);
});
